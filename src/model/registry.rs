//! The supported architectures, by the `model_type` of their `config.json`.

use super::chain::Model;
use super::convnet::library::TORCHVISION;
use super::unit::Units;
use super::{
    bert, deit, distilbert, electra, mask2former, modernbert, mpnet, resnet, roberta, swin, timm,
    vgg, vit,
};
use crate::checkpoint::config::{Config, SENTENCE_TRANSFORMER};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::sentence::names::LIST;
use crate::checkpoint::weights::Weights;

/// An architecture, with the checkpoints that it supports and the functions that open them.
pub struct Architecture {
    /// Name of the architecture.
    pub name: &'static str,
    /// Supported values of `model_type`.
    pub model_types: &'static [&'static str],
    /// Supported values of `architectures`, the class that wrote the checkpoint.
    pub classes: &'static [&'static str],
    /// Beginnings of the names of architectures of timm, whose folders have an `architecture` instead of the two above.
    pub of_timm: &'static [&'static str],
    /// Beginnings of the names of architectures of torchvision. Folders with their weights have the `model_type`
    /// `torchvision` and an `architecture`.
    pub of_torchvision: &'static [&'static str],
    names: Names,
    open: Open,
}

/// `model_type` of transformers' wrapper of timm.
const TIMM_WRAPPER: &str = "timm_wrapper";

/// Renames tensors to their current names.
type Names = fn(Weights) -> Result<Weights, CheckpointError>;

/// Builds a graph from its configuration and weights.
type Open = fn(&Config, &Weights, Units) -> Result<Model, CheckpointError>;

/// A checkpoint, opened as a graph.
pub struct Opened {
    /// The architecture's name.
    pub architecture: &'static str,
    /// The graph.
    pub model: Model,
    /// The tensors that the graph reads, under their current names.
    pub weights: Weights,
    /// Names of the tensors that the graph does not read.
    pub unused: Vec<String>,
}

/// All supported architectures.
pub const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "bert",
        model_types: &["bert", "optin_bert"],
        classes: bert::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: bert::todays_names,
        open: bert::open,
    },
    Architecture {
        name: "roberta",
        model_types: &["roberta"],
        classes: roberta::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: roberta::todays_names,
        open: roberta::open,
    },
    Architecture {
        name: "xlm-roberta",
        model_types: &["xlm-roberta"],
        classes: roberta::XLM_CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: roberta::todays_names,
        open: roberta::open_xlm,
    },
    Architecture {
        name: "camembert",
        model_types: &["camembert"],
        classes: roberta::CAMEMBERT_CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: roberta::todays_names,
        open: roberta::open_camembert,
    },
    Architecture {
        name: "distilbert",
        model_types: &["distilbert"],
        classes: distilbert::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: distilbert::todays_names,
        open: distilbert::open,
    },
    Architecture {
        name: "electra",
        model_types: &["electra"],
        classes: electra::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: electra::todays_names,
        open: electra::open,
    },
    Architecture {
        name: "mpnet",
        model_types: &["mpnet"],
        classes: mpnet::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: mpnet::todays_names,
        open: mpnet::open,
    },
    Architecture {
        name: "modernbert",
        model_types: &["modernbert"],
        classes: modernbert::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: modernbert::names_of_classes,
        open: modernbert::open,
    },
    Architecture {
        name: "vit",
        model_types: &["vit"],
        classes: vit::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: vit::names_of_files,
        open: vit::open,
    },
    Architecture {
        name: "deit",
        model_types: &["deit"],
        classes: deit::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: vit::names_of_files,
        open: deit::open,
    },
    Architecture {
        name: "swin",
        model_types: &["swin"],
        classes: swin::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: swin::names_of_files,
        open: swin::open,
    },
    Architecture {
        name: "mask2former",
        model_types: &["mask2former"],
        classes: mask2former::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: swin::names_of_files,
        open: mask2former::open,
    },
    Architecture {
        name: "resnet",
        model_types: &["resnet"],
        classes: resnet::CLASSES,
        of_timm: &[],
        of_torchvision: &[],
        names: Ok,
        open: resnet::open,
    },
    Architecture {
        name: "timm-vit",
        model_types: &[],
        classes: &[],
        of_timm: vit::timm::ARCHITECTURES,
        of_torchvision: &[],
        names: timm::plain_names,
        open: vit::timm::open,
    },
    Architecture {
        name: "timm-resnet",
        model_types: &[],
        classes: &[],
        of_timm: resnet::dialects::OF_TIMM,
        of_torchvision: &[],
        names: timm::plain_names,
        open: resnet::dialects::open_timm,
    },
    Architecture {
        name: "torchvision-resnet",
        model_types: &[],
        classes: &[],
        of_timm: &[],
        of_torchvision: resnet::dialects::OF_TORCHVISION,
        names: Ok,
        open: resnet::dialects::open_torchvision,
    },
    Architecture {
        name: "cifar-resnet",
        model_types: resnet::dialects::OF_CIFAR,
        classes: &[],
        of_timm: &[],
        of_torchvision: &[],
        names: Ok,
        open: resnet::dialects::open_cifar,
    },
    Architecture {
        name: "timm-vgg",
        model_types: &[],
        classes: &[],
        of_timm: vgg::ARCHITECTURES,
        of_torchvision: &[],
        names: timm::plain_names,
        open: vgg::open_timm,
    },
    Architecture {
        name: "torchvision-vgg",
        model_types: &[],
        classes: &[],
        of_timm: &[],
        of_torchvision: vgg::ARCHITECTURES,
        names: Ok,
        open: vgg::open_torchvision,
    },
];

/// Opens the graph that the configuration names, with these units of its attention layers.
///
/// # Errors
/// Returns an error if the `model_type` or the class that wrote the checkpoint is not supported, or if the weights do
/// not match the configuration.
pub fn open(config: &Config, weights: Weights, units: Units) -> Result<Opened, CheckpointError> {
    let architecture = find(config)?;
    let weights = (architecture.names)(weights)?;
    let model = (architecture.open)(config, &weights, units)?;
    let unused = weights.unread();
    Ok(Opened {
        architecture: architecture.name,
        model,
        weights: weights.without_unread(),
        unused,
    })
}

/// Returns the architecture of a configuration.
///
/// Other classes are rejected. They have another head on the same body, so their weights may fit by accident, but the
/// model would compute the output of another task.
fn find(config: &Config) -> Result<&'static Architecture, CheckpointError> {
    if let Some(name) = of_timm(config)? {
        return find_of("timm", name, |architecture| architecture.of_timm);
    }
    let model_type = config.model_type()?;
    if model_type == TORCHVISION {
        let name = config.str_or("architecture", "")?;
        return find_of(TORCHVISION, name, |architecture| {
            architecture.of_torchvision
        });
    }
    let known = ARCHITECTURES
        .iter()
        .find(|architecture| architecture.model_types.contains(&model_type));
    let Some(architecture) = known else {
        let names: Vec<_> = ARCHITECTURES
            .iter()
            .flat_map(|architecture| architecture.model_types)
            .copied()
            .chain([TORCHVISION])
            .collect();
        return Err(CheckpointError::UnsupportedModel(format!(
            "config.json has model_type \"{model_type}\", which is not supported; supported types: {}",
            names.join(", ")
        )));
    };
    match config.class()? {
        Some(class) if !architecture.classes.contains(&class) => {
            Err(CheckpointError::UnsupportedModel(format!(
                "config.json has architectures [\"{class}\"], which is not supported; supported classes: {}",
                named(architecture.classes)
            )))
        }
        _ => Ok(architecture),
    }
}

/// Returns the names of classes for a message.
fn named(classes: &[&str]) -> String {
    let names = classes.iter().map(|&class| match class {
        SENTENCE_TRANSFORMER => format!("{class} (a folder with {LIST})"),
        class => class.to_owned(),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the name of an architecture of timm, if the configuration has one: a folder of timm itself, or of
/// transformers' wrapper.
fn of_timm(config: &Config) -> Result<Option<&str>, CheckpointError> {
    let wrapper = config.str_or("model_type", TIMM_WRAPPER)? == TIMM_WRAPPER;
    let name = config.str_or("architecture", "")?;
    Ok((wrapper && !name.is_empty()).then_some(name))
}

/// Returns the architecture of a library whose list has the beginning of a name.
fn find_of(
    library: &str,
    name: &str,
    beginnings: fn(&Architecture) -> &[&'static str],
) -> Result<&'static Architecture, CheckpointError> {
    timm::check_name(name)?;
    let known = ARCHITECTURES.iter().find(|architecture| {
        let mut beginnings = beginnings(architecture).iter();
        beginnings.any(|beginning| name.starts_with(beginning))
    });
    known.ok_or_else(|| {
        let names = ARCHITECTURES.iter().flat_map(beginnings);
        let names: Vec<String> = names.map(|name| format!("{name}*")).collect();
        CheckpointError::UnsupportedModel(format!(
            "config.json has architecture \"{name}\" of {library}, which is not supported; supported architectures: {}",
            names.join(", ")
        ))
    })
}
