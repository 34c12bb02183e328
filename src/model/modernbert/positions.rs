//! How positions enter: the kind of each layer's attention, and the bases of its turns, in the keys of transformers 4 and 5.

use serde_json::{Map, Value, json};

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;

/// What the positions of a layer read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// All positions.
    Global,
    /// Positions near it.
    Local,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Global, Self::Local];

    /// Returns the name in `layer_types` and `rope_parameters`.
    const fn name(self) -> &'static str {
        match self {
            Self::Global => "full_attention",
            Self::Local => "sliding_attention",
        }
    }

    /// Returns the key of the base in transformers 4, and the base without it.
    const fn theta(self) -> (&'static str, f64) {
        match self {
            Self::Global => ("global_rope_theta", 160_000.0),
            Self::Local => ("local_rope_theta", 10_000.0),
        }
    }
}

const KINDS: &str = "layer_types";
const EVERY: &str = "global_attn_every_n_layers";
const BASES: &str = "rope_parameters";
const WINDOW: &str = "local_attention";

/// The positions of a model.
pub(super) struct Positions {
    /// The kind of each layer.
    pub(super) kinds: Vec<Kind>,
    /// The bases of the turns of global and of local layers.
    bases: [f64; 2],
    /// Size of the window of local layers.
    window: usize,
    /// The largest distance of two positions that read each other in a local layer.
    pub(super) reach: usize,
}

impl Positions {
    /// Reads the positions of a model with this number of layers.
    ///
    /// # Errors
    /// Returns an error if a key is malformed, or if the turns are not those of the original rotary positions.
    pub(super) fn read(config: &Config, layers: usize) -> Result<Self, CheckpointError> {
        refuse_scaling(config, "config.json", "rope_scaling")?;
        let global = base(config, Kind::Global, Kind::Global.theta().1)?;
        let (key, default) = Kind::Local.theta();
        let null = config.map().get(key).is_some_and(Value::is_null);
        let local = base(config, Kind::Local, if null { global } else { default })?;
        let window = config.usize_or(WINDOW, 128)?;
        Ok(Self {
            kinds: kinds(config, layers)?,
            bases: [global, local],
            window,
            reach: window / 2,
        })
    }

    /// Returns the base of the turns of a layer.
    pub(super) fn base(&self, kind: Kind) -> f64 {
        let [global, local] = self.bases;
        match kind {
            Kind::Global => global,
            Kind::Local => local,
        }
    }

    /// Returns the entries of `config.json`, with the keys of both versions of transformers.
    pub(super) fn written(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        map.insert(KINDS.to_owned(), json!(names));
        if let Some(every) = self.every() {
            map.insert(EVERY.to_owned(), json!(every));
        }
        let bases = Kind::ALL.map(|kind| {
            let base = self.base(kind);
            map.insert(kind.theta().0.to_owned(), json!(base));
            let parameters = json!({"rope_type": "default", "rope_theta": base});
            (kind.name().to_owned(), parameters)
        });
        map.insert(BASES.to_owned(), bases.into_iter().collect());
        map.insert(WINDOW.to_owned(), json!(self.window));
        map
    }

    /// Returns `n` if every `n`-th layer from the first one is global. Transformers 4 knows no other order.
    fn every(&self) -> Option<usize> {
        (1..=self.kinds.len()).find(|every| {
            let mut kinds = self.kinds.iter().enumerate();
            kinds.all(|(layer, &kind)| kind == kind_of(layer, *every))
        })
    }
}

fn kind_of(layer: usize, every: usize) -> Kind {
    match layer.is_multiple_of(every) {
        true => Kind::Global,
        false => Kind::Local,
    }
}

/// Returns the kind of each layer.
fn kinds(config: &Config, layers: usize) -> Result<Vec<Kind>, CheckpointError> {
    let Some(listed) = config.map().get(KINDS).filter(|value| !value.is_null()) else {
        let every = config.usize_or(EVERY, 3)?;
        return match every {
            0 => Err(CheckpointError::Invalid(format!(
                "config.json: {EVERY} is 0; it must be at least 1"
            ))),
            _ => Ok((0..layers).map(|layer| kind_of(layer, every)).collect()),
        };
    };
    let named = |name: &Value| {
        let mut kinds = Kind::ALL.into_iter();
        kinds.find(|kind| name.as_str() == Some(kind.name()))
    };
    let kinds = listed.as_array().and_then(|names| {
        let kinds = names.iter().map(named);
        kinds.collect::<Option<Vec<Kind>>>()
    });
    kinds.filter(|kinds| kinds.len() == layers).ok_or_else(|| {
        CheckpointError::Invalid(format!(
            "config.json: {KINDS} must list {layers} names, {} or {} for each layer",
            Kind::Global.name(),
            Kind::Local.name()
        ))
    })
}

/// Returns the base of the turns of the layers of a kind.
fn base(config: &Config, kind: Kind, default: f64) -> Result<f64, CheckpointError> {
    let (key, _) = kind.theta();
    let older = config.f64_or(key, default)?;
    let given = |key: &str| config.map().get(key).is_some_and(|value| !value.is_null());
    let (place, base) = match given(BASES) {
        false => (format!("config.json: {key}"), older),
        true => {
            let of_kinds = config.nested(BASES)?;
            let known = |name: &String| Kind::ALL.iter().any(|kind| kind.name() == name);
            if let Some(other) = of_kinds.map().keys().find(|name| !known(name)) {
                return Err(CheckpointError::UnsupportedModel(format!(
                    "config.json: {BASES} has the key {other}; only {} and {} are supported",
                    Kind::Global.name(),
                    Kind::Local.name()
                )));
            }
            let place = format!("config.json: {BASES}.{}", kind.name());
            refuse_scaling(&of_kinds, &format!("config.json: {BASES}"), kind.name())?;
            let own = of_kinds.map().get(kind.name());
            let own = own.and_then(|own| own.get("rope_theta"));
            let own = own.filter(|theta| !theta.is_null());
            let base = own.map_or(Some(older), Value::as_f64);
            (format!("{place}.rope_theta"), base.unwrap_or(f64::NAN))
        }
    };
    // The turns are computed in float32.
    match base > 0.0 && (base as f32).is_finite() {
        true => Ok(base),
        false => Err(CheckpointError::Invalid(format!(
            "{place} must be a positive number"
        ))),
    }
}

/// Rejects turns whose angles are not those of the original rotary positions.
fn refuse_scaling(config: &Config, place: &str, key: &str) -> Result<(), CheckpointError> {
    let Some(value) = config.map().get(key).filter(|value| !value.is_null()) else {
        return Ok(());
    };
    let Some(parameters) = value.as_object() else {
        return Err(CheckpointError::Invalid(format!(
            "{place}: {key} is {value}; it must be an object"
        )));
    };
    for name in ["rope_type", "type"] {
        match parameters.get(name) {
            None | Some(Value::Null) => {}
            Some(kind) if kind == "default" => {}
            Some(kind) => {
                return Err(CheckpointError::UnsupportedModel(format!(
                    "{place}: {key} has {name} {kind}; only \"default\" is supported"
                )));
            }
        }
    }
    Ok(())
}
