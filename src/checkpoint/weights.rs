//! The weights of a checkpoint: a single `model.safetensors`, or shards with an index.
//!
//! Files are read into memory and not mapped, because a change of a mapped file would crash the process.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::{DType, Device, Tensor};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use safetensors::Dtype;
use sha2::{Digest, Sha256};

use super::error::{CheckpointError, reason};
use super::folder;
use super::index::Index;
use super::layout::{INDEX, WEIGHTS};
use super::limits::Limits;
use super::read_file::ReadFile;
pub use super::shard::Entry;
use super::shard::Shard;
use super::small_file;
use super::write::encode;

/// All tensors of a checkpoint, as they are stored.
pub struct Weights {
    shards: Vec<Shard>,
    /// Shard and position in the shard, by tensor name.
    locations: HashMap<String, (usize, usize)>,
    /// File name by tensor name, from the index file.
    index: HashMap<String, String>,
    /// Computed at the first request.
    files: OnceLock<Vec<ReadFile>>,
    /// Computed at the first request.
    sha256: OnceLock<String>,
    device: Device,
    /// Names of the tensors that were requested.
    requested: Mutex<HashSet<String>>,
}

impl Weights {
    /// Reads and checks the weights of a Hugging Face folder.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if there are no weights, if they are only in a format that can run code, if they are
    /// malformed, or if they exceed the limits.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Self, CheckpointError> {
        let index = match (folder.join(WEIGHTS).is_file(), folder.join(INDEX).is_file()) {
            (true, _) => Index::single(),
            (false, true) => Index::parse(
                &folder.join(INDEX),
                &small_file::read(&folder.join(INDEX), limits.config_bytes)?,
                limits,
            )?,
            (false, false) => return Err(folder::refusal(folder, &folder.display())),
        };
        let names = index.files();
        let mut room = limits.weights_bytes;
        let shards = names.iter().map(|name| {
            let shard = Shard::read(&folder.join(name), name, room, limits)?;
            room -= shard.data.len() as u64;
            Ok((*name, shard))
        });
        let mut weights = Self::of_shards(shards, limits)?;
        weights.index = index.weight_map;
        Ok(weights)
    }

    /// Parses the weights of a safetensors file in memory.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if they are malformed or exceed the limits.
    pub fn from_bytes(bytes: Vec<u8>, limits: &Limits) -> Result<Self, CheckpointError> {
        let invalid = |what: String| CheckpointError::Invalid(format!("the weights {what}"));
        let shard = Shard::of(WEIGHTS, bytes, limits).map_err(invalid)?;
        Self::of_shards([Ok((WEIGHTS, shard))], limits)
    }

    fn of_shards<'a>(
        shards: impl IntoIterator<Item = Result<(&'a str, Shard), CheckpointError>>,
        limits: &Limits,
    ) -> Result<Self, CheckpointError> {
        let mut weights = Self {
            shards: Vec::new(),
            locations: HashMap::new(),
            index: HashMap::new(),
            files: OnceLock::new(),
            sha256: OnceLock::new(),
            device: Device::Cpu,
            requested: Mutex::default(),
        };
        for shard in shards {
            let (name, shard) = shard?;
            for (position, tensor) in shard.header.tensors.iter().enumerate() {
                let location = (weights.shards.len(), position);
                let previous = weights.locations.insert(tensor.name.clone(), location);
                if previous.is_some() {
                    return Err(CheckpointError::Invalid(format!(
                        "{name}: tensor \"{}\" is also in another shard",
                        tensor.name
                    )));
                }
            }
            if weights.locations.len() > limits.tensors {
                return Err(CheckpointError::Limit(format!(
                    "the checkpoint contains more than {} tensors, which is the limit",
                    limits.tensors
                )));
            }
            weights.shards.push(shard);
        }
        Ok(weights)
    }

    /// Sets the device on which [`tensor`](Self::tensor) creates tensors.
    #[must_use]
    pub fn on(self, device: &Device) -> Self {
        let device = device.clone();
        Self { device, ..self }
    }

    /// Returns the device on which [`tensor`](Self::tensor) creates tensors.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns a tensor as f32 on the device of the weights, which is the CPU by default.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if the tensor is missing, does not have this shape, is not a floating-point
    /// tensor, or contains NaN or infinity. Returns [`CheckpointError::Limit`] if it does not fit on the device.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, CheckpointError> {
        let (tensor, _) = self.read(name, shape)?;
        tensor.to_device(&self.device).map_err(|error| {
            CheckpointError::Limit(format!(
                "tensor \"{name}\" cannot be copied to the device, whose memory may be full: {}",
                reason(&error)
            ))
        })
    }

    /// Returns the elements of a tensor as f32.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] in the same cases as [`tensor`](Self::tensor).
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        self.read(name, shape).map(|(_, values)| values)
    }

    /// Keeps a tensor in [`without_unread`](Self::without_unread) that no graph reads, such as a counter. Does nothing if
    /// there is none with this name.
    pub fn keep(&self, name: &str) {
        let requested = self.requested.lock();
        let mut requested = requested.unwrap_or_else(PoisonError::into_inner);
        requested.insert(name.to_owned());
    }

    /// Returns a tensor on the CPU, and its elements.
    fn read(&self, name: &str, shape: &[usize]) -> Result<(Tensor, Vec<f32>), CheckpointError> {
        self.keep(name);
        let invalid = |what: String| CheckpointError::Invalid(what);
        let entry = self
            .entry(name)
            .ok_or_else(|| invalid(self.missing(name, shape)))?;
        if entry.shape != shape {
            return Err(invalid(format!(
                "tensor \"{name}\" has shape {:?}, but config.json requires {shape:?}",
                entry.shape
            )));
        }
        let dtype = match entry.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F64 => DType::F64,
            other => {
                return Err(invalid(format!(
                    "tensor \"{name}\" has the unsupported type {other:?}; supported types are F64, F32, F16 and BF16, so save a quantized model in one of them first"
                )));
            }
        };
        let read = || -> candle_core::Result<(Tensor, Vec<f32>)> {
            let tensor = Tensor::from_raw_buffer(entry.bytes, dtype, shape, &Device::Cpu)?;
            let tensor = tensor.to_dtype(DType::F32)?;
            let values = tensor.flatten_all()?.to_vec1()?;
            Ok((tensor, values))
        };
        let (tensor, values) = read().map_err(|error| {
            invalid(format!(
                "tensor \"{name}\" cannot be read: {}",
                reason(&error)
            ))
        })?;
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(invalid(format!(
                "tensor \"{name}\" contains {} at element {index}; the checkpoint is damaged",
                values[index]
            ))),
            None => Ok((tensor, values)),
        }
    }

    /// Replaces the elements of some tensors. They keep their types and shapes. The records of the files stay those of the
    /// files that were read, and the digest becomes that of the new content.
    ///
    /// # Panics
    /// Panics if a tensor does not exist or has another number of elements.
    #[must_use]
    pub fn replaced(mut self, tensors: &HashMap<String, Vec<f32>>) -> Self {
        let mut digest = Sha256::new();
        digest.update(self.sha256());
        let mut names: Vec<&String> = tensors.keys().collect();
        names.sort();
        for name in names {
            let (shard, position) = self.locations[name];
            let shard = &mut self.shards[shard];
            let bytes = encode(&tensors[name], shard.header.tensors[position].dtype);
            digest.update(name);
            digest.update(&bytes);
            shard.bytes_mut(position).copy_from_slice(&bytes);
        }
        self.sha256 = OnceLock::from(hex::encode(digest.finalize()));
        self
    }

    /// Renames all tensors.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if two tensors get the same name.
    pub fn renamed(mut self, name: impl Fn(&str) -> String) -> Result<Self, CheckpointError> {
        self.locations.clear();
        for (at, shard) in self.shards.iter_mut().enumerate() {
            for (position, tensor) in shard.header.tensors.iter_mut().enumerate() {
                let new = name(&tensor.name);
                if self.locations.insert(new.clone(), (at, position)).is_some() {
                    return Err(CheckpointError::Invalid(format!(
                        "the checkpoint contains tensor \"{new}\" under two names, one of which is \"{}\"",
                        tensor.name
                    )));
                }
                tensor.name = new;
            }
        }
        Ok(self)
    }

    /// Returns the names of the tensors that were never requested from [`tensor`](Self::tensor), in the order of the
    /// files.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let requested = self
            .requested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.entries()
            .filter(|entry| !requested.contains(entry.name))
            .map(|entry| entry.name.to_owned())
            .collect()
    }

    /// Removes the tensors that were never requested. The sizes and digests of the files do not change.
    #[must_use]
    pub fn without_unread(mut self) -> Self {
        for name in self.unread() {
            self.locations.remove(&name);
        }
        self
    }

    /// Returns whether there is a tensor with this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.locations.contains_key(name)
    }

    /// Returns the stored type of a tensor.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.entry(name).map(|entry| entry.dtype)
    }

    /// Returns the stored shape of a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entry(name).map(|entry| entry.shape)
    }

    /// Returns all tensors in the order of the files.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.shards
            .iter()
            .flat_map(|shard| (0..shard.header.tensors.len()).map(|position| shard.entry(position)))
            .filter(|entry| self.locations.contains_key(entry.name))
    }

    /// Returns the `__metadata__` of the first file.
    #[must_use]
    pub fn metadata(&self) -> Option<&HashMap<String, String>> {
        self.shards
            .first()
            .and_then(|shard| shard.header.metadata.as_ref())
    }

    /// Returns the records of the files, in order.
    #[must_use]
    pub fn files(&self) -> &[ReadFile] {
        self.files.get_or_init(|| {
            let shards = self.shards.par_iter();
            shards
                .map(|shard| ReadFile::of(&shard.name, &shard.data))
                .collect()
        })
    }

    /// Returns a digest over all files, in hex. For a single file it is the file's SHA-256. For shards it is the
    /// SHA-256 over the hex digests of all files, in order.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| match self.files() {
            [only] => only.sha256.clone(),
            files => {
                let mut digest = Sha256::new();
                for file in files {
                    digest.update(&file.sha256);
                }
                hex::encode(digest.finalize())
            }
        })
    }

    /// Returns the size of all files in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.shards
            .iter()
            .map(|shard| shard.data.len() as u64)
            .sum()
    }

    /// Returns the number of elements of all floating-point tensors.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let weights = self.entries().filter(|entry| {
            matches!(
                entry.dtype,
                Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16
            )
        });
        weights
            .map(|entry| entry.shape.iter().product::<usize>() as u64)
            .sum()
    }

    fn missing(&self, name: &str, shape: &[usize]) -> String {
        match self.index.get(name) {
            Some(shard) => format!(
                "tensor \"{name}\" is missing: {INDEX} says that it is in {shard}, which does not contain it; copy both \
                 files from the same checkpoint"
            ),
            None => format!(
                "tensor \"{name}\" is missing, but config.json requires it with shape {shape:?}; check that both files \
                 are from the same model"
            ),
        }
    }

    fn entry(&self, name: &str) -> Option<Entry<'_>> {
        let &(shard, position) = self.locations.get(name)?;
        Some(self.shards[shard].entry(position))
    }
}
