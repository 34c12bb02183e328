//! The weights of a checkpoint: one `model.safetensors`, or shards with an index.
//!
//! Files are read into memory, not mapped: a file that changes under a map would crash the process.

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

/// Every tensor of a checkpoint, as it is stored.
pub struct Weights {
    shards: Vec<Shard>,
    /// Name to shard and position in it.
    places: HashMap<String, (usize, usize)>,
    /// Name to shard, as the index says.
    promised: HashMap<String, String>,
    /// Made when they are first asked for.
    files: OnceLock<Vec<ReadFile>>,
    sha256: OnceLock<String>,
    device: Device,
    /// Names that were asked for.
    read: Mutex<HashSet<String>>,
}

impl Weights {
    /// Reads and checks the weights of a Hugging Face folder.
    ///
    /// # Errors
    /// When there are none, only ones in a format that can run code, or malformed ones.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Self, CheckpointError> {
        let index = match (folder.join(WEIGHTS).is_file(), folder.join(INDEX).is_file()) {
            (true, _) => Index::single(),
            (false, true) => Index::parse(
                &folder.join(INDEX),
                &small_file::read(&folder.join(INDEX), limits.config_bytes)?,
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
        weights.promised = index.weight_map;
        Ok(weights)
    }

    /// The weights of one safetensors file in memory.
    ///
    /// # Errors
    /// When they are malformed.
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
            places: HashMap::new(),
            promised: HashMap::new(),
            files: OnceLock::new(),
            sha256: OnceLock::new(),
            device: Device::Cpu,
            read: Mutex::default(),
        };
        for shard in shards {
            let (name, shard) = shard?;
            for (position, tensor) in shard.header.tensors.iter().enumerate() {
                let place = (weights.shards.len(), position);
                if weights.places.insert(tensor.name.clone(), place).is_some() {
                    return Err(CheckpointError::Invalid(format!(
                        "{name}: tensor \"{}\" stands in another shard, too",
                        tensor.name
                    )));
                }
            }
            if weights.places.len() > limits.tensors {
                return Err(CheckpointError::Limit(format!(
                    "the checkpoint holds more than {} tensors",
                    limits.tensors
                )));
            }
            weights.shards.push(shard);
        }
        Ok(weights)
    }

    /// The same weights, whose tensors are made on this device.
    #[must_use]
    pub fn on(self, device: &Device) -> Self {
        let device = device.clone();
        Self { device, ..self }
    }

    /// A tensor as f32 on the weights' device: the CPU, unless another was named.
    ///
    /// # Errors
    /// When it is missing, has another shape than the configuration asks for, is no floating-point tensor, or
    /// holds NaN or infinity; or the device has no room for it.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, CheckpointError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(name.to_owned());
        drop(read);
        let invalid = |what: String| CheckpointError::Invalid(what);
        let entry = self
            .entry(name)
            .ok_or_else(|| invalid(self.missing(name, shape)))?;
        if entry.shape != shape {
            return Err(invalid(format!(
                "tensor \"{name}\" has shape {:?}; config.json asks for {shape:?}",
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
                    "tensor \"{name}\" holds {other:?}; supported are F64, F32, F16 and BF16; save a quantised model in one of them first"
                )));
            }
        };
        let tensor = Tensor::from_raw_buffer(entry.bytes, dtype, shape, &Device::Cpu)
            .and_then(|tensor| tensor.to_dtype(DType::F32));
        let tensor = tensor.map_err(|error| {
            invalid(format!(
                "tensor \"{name}\" cannot be read: {}",
                reason(&error)
            ))
        })?;
        let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
        let values = values.map_err(|error| {
            invalid(format!(
                "tensor \"{name}\" cannot be read: {}",
                reason(&error)
            ))
        })?;
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(invalid(format!(
                "tensor \"{name}\" holds {} at element {index}; the checkpoint is damaged",
                values[index]
            ))),
            None => tensor.to_device(&self.device).map_err(|error| {
                CheckpointError::Limit(format!(
                    "tensor \"{name}\" finds no room: {}",
                    reason(&error)
                ))
            }),
        }
    }

    /// The same weights under other names.
    ///
    /// # Errors
    /// When two tensors get one name.
    pub fn renamed(mut self, name: impl Fn(&str) -> String) -> Result<Self, CheckpointError> {
        self.places.clear();
        for (at, shard) in self.shards.iter_mut().enumerate() {
            for (position, tensor) in shard.header.tensors.iter_mut().enumerate() {
                let new = name(&tensor.name);
                if self.places.insert(new.clone(), (at, position)).is_some() {
                    return Err(CheckpointError::Invalid(format!(
                        "the checkpoint holds tensor \"{new}\" under two names, one of them \"{}\"",
                        tensor.name
                    )));
                }
                tensor.name = new;
            }
        }
        Ok(self)
    }

    /// Names of the tensors that [`tensor`](Self::tensor) was never asked for, in the order of the files.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.entries()
            .filter(|entry| !read.contains(entry.name))
            .map(|entry| entry.name.to_owned())
            .collect()
    }

    /// The same weights without the tensors that were never asked for; the bytes of the files stay what they were.
    #[must_use]
    pub fn without_unread(mut self) -> Self {
        for name in self.unread() {
            self.places.remove(&name);
        }
        self
    }

    /// Whether there is a tensor of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The stored type of a tensor.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.entry(name).map(|entry| entry.dtype)
    }

    /// The stored shape of a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entry(name).map(|entry| entry.shape)
    }

    /// Every tensor, in the order of the files.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.shards
            .iter()
            .flat_map(|shard| (0..shard.header.tensors.len()).map(|position| shard.entry(position)))
            .filter(|entry| self.places.contains_key(entry.name))
    }

    /// The `__metadata__` of the first file.
    #[must_use]
    pub fn metadata(&self) -> Option<&HashMap<String, String>> {
        self.shards
            .first()
            .and_then(|shard| shard.header.metadata.as_ref())
    }

    /// The files, in order.
    #[must_use]
    pub fn files(&self) -> &[ReadFile] {
        self.files.get_or_init(|| {
            let shards = self.shards.par_iter();
            shards
                .map(|shard| ReadFile::of(&shard.name, &shard.data))
                .collect()
        })
    }

    /// One digest over all files: the SHA-256 of the only one, or one over those of all in order, hex.
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

    /// Size of all files.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.shards
            .iter()
            .map(|shard| shard.data.len() as u64)
            .sum()
    }

    /// Elements of all floating-point tensors.
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
        match self.promised.get(name) {
            Some(shard) => format!(
                "tensor \"{name}\" is missing: {INDEX} says that it is in {shard}, which does not hold it; copy both \
                 from the same checkpoint"
            ),
            None => format!(
                "tensor \"{name}\" is missing; config.json asks for one of shape {shape:?}: are both of the same model?"
            ),
        }
    }

    fn entry(&self, name: &str) -> Option<Entry<'_>> {
        let &(shard, position) = self.places.get(name)?;
        Some(self.shards[shard].entry(position))
    }
}
