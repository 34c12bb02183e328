//! `optin demo`: prunes a bundled model through the HTTP API of a service that it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use url::Url;

use super::client::Client;
use super::exit::Exit;
use super::progress::Bar;
use super::runtime::runtime;
use super::service::{Service, ServiceFlags, interrupted};
use super::{output, table};
use crate::config::device::DeviceFlag;
use crate::config::limits::LimitFlags;
use crate::config::retention::RetentionFlags;
use crate::config::server::ServerFlags;
use crate::config::signing::SigningFlags;
use crate::config::source::SourceFlags;
use crate::config::storage::{DatabaseFlags, StorageFlags};
use crate::config::worker::WorkerFlags;
use crate::telemetry::tracing::{Format, start};
use crate::worker::source::hub::HUB;

/// Port of the demo, if it is free.
const PORT: u16 = 8080;

/// Flags of `optin demo`.
#[derive(Args)]
pub(super) struct DemoCommand {
    /// The example
    #[arg(value_name = "EXAMPLE", default_value = "sections")]
    example: Example,
    /// Folder with the examples
    #[arg(
        long,
        env = "OPTIN_EXAMPLES_DIR",
        value_name = "DIR",
        default_value = "examples"
    )]
    examples: PathBuf,
    /// Percentage of the FLOPs to KEEP [default: 40%, 80% for cnn, and 60% for segmentation]
    #[arg(long, value_name = "PERCENT")]
    target: Option<String>,
    /// Data folder of the service, which also gets the downloaded result
    #[arg(
        long,
        env = "OPTIN_DATA_DIR",
        value_name = "DIR",
        default_value = "optin-data"
    )]
    data_dir: PathBuf,
    /// Exit when the job has ended instead of keeping the service running
    #[arg(long)]
    once: bool,
    /// Print the completed job as one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// A bundled model with its data.
#[derive(Clone, Copy, ValueEnum)]
enum Example {
    /// A text classifier: the section of a Debian package, from its description
    Sections,
    /// A text classifier with several labels: the tags of a Debian package
    Tags,
    /// A label for each word: the markup of the PostgreSQL documentation
    Markup,
    /// An image classifier: a vision transformer on Fashion-MNIST
    Vision,
    /// An image classifier: a residual convolutional network on Fashion-MNIST
    Cnn,
    /// A segmentation: a Mask2Former on scenes of Fashion-MNIST items
    Segmentation,
}

impl Example {
    /// Returns the target that the demo uses by default. Convolutional networks and the small
    /// segmentation have fewer units to spare.
    fn target(self) -> &'static str {
        match self {
            Self::Cnn => "80%",
            Self::Segmentation => "60%",
            _ => "40%",
        }
    }

    /// Returns the folder of the example in the folder of examples, the folder of its model, and its data files for
    /// calibration and evaluation.
    fn paths(self) -> (&'static str, [&'static str; 3]) {
        match self {
            Self::Sections => (
                "debian-sections",
                ["model", "calibration.tsv", "evaluation.tsv"],
            ),
            Self::Tags => (
                "debian-tags",
                ["model", "calibration.jsonl", "evaluation.jsonl"],
            ),
            Self::Markup => (
                "postgresql-markup",
                ["model", "calibration.jsonl", "evaluation.jsonl"],
            ),
            Self::Vision => (
                "fashion-mnist",
                ["coarse", "calibration.npz", "evaluation.npz"],
            ),
            Self::Cnn => (
                "fashion-mnist",
                ["cnn", "calibration.npz", "evaluation.npz"],
            ),
            Self::Segmentation => ("scenes", ["model", "calibration.tar", "evaluation.tar"]),
        }
    }
}

impl DemoCommand {
    /// Returns the paths of the model and of its data.
    fn paths(&self) -> [PathBuf; 3] {
        let (folder, names) = self.example.paths();
        names.map(|name| self.examples.join(folder).join(name))
    }
}

/// Runs the demo.
pub(super) fn run(command: &DemoCommand) -> Result<(), Exit> {
    start("warn", Format::Text).map_err(Exit::Broken)?;
    let [model, ..] = command.paths();
    if !model.is_dir() {
        return Err(Exit::Usage(format!(
            "the example model was not found in {}; run this in the root of the repository, or set the folder of the examples with --examples",
            model.display()
        )));
    }
    runtime()?.block_on(async {
        let service = serve(command).await?;
        let demo = async {
            show(command, &service.url).await?;
            if !command.once {
                output::note(&format!(
                    "\nserving until Ctrl-C: dashboard {url}/, API documentation {url}/docs",
                    url = service.url
                ));
                interrupted().await?;
            }
            Ok(())
        };
        // Ctrl-C ends the demo at any time; the job is then requeued.
        let ended = tokio::select! {
            biased;
            ended = demo => ended,
            pressed = interrupted() => pressed.map_err(Exit::from).and(Err(Exit::Interrupted)),
        };
        service.stop().await?;
        ended
    })
}

async fn serve(command: &DemoCommand) -> Result<Service, Exit> {
    let storage = StorageFlags {
        database: DatabaseFlags {
            data_dir: command.data_dir.clone(),
            database_url: None,
            database_connections: 2,
        },
        storage_url: None,
        s3: Default::default(),
    };
    let source = SourceFlags {
        source_roots: vec![command.examples.clone()],
        source_buckets: Vec::new(),
        hub_endpoint: HUB.to_owned(),
        hub_token: None,
        cache_dir: None,
        cache_gib: 1,
    };
    let worker = WorkerFlags {
        device: DeviceFlag::Cpu,
        max_running: None,
        max_preparing: Duration::from_secs(3_600),
        lease: Duration::from_secs(15),
        signing: SigningFlags::default(),
    };
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let free = tokio::net::TcpListener::bind(usual).await.is_ok();
    let listen = if free {
        usual
    } else {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    };
    let server = ServerFlags {
        client_address: None,
        listen,
        public_url: None,
        allow_private_webhooks: false,
        secrets_key: None,
        keys: None,
        remote_devices: Vec::new(),
    };
    let flags = ServiceFlags {
        server,
        storage,
        source,
        workers: 1,
        worker,
        limits: LimitFlags::default(),
        retention: RetentionFlags::default(),
    };
    Service::start(&flags).await
}

async fn show(command: &DemoCommand, url: &str) -> Result<(), Exit> {
    let client = Client::new(url, None)?;
    let job = client.submit(&request(command)?).await?;
    output::note(&format!("POST {url}/v1/jobs -> {}", job.id));
    let bar = Bar::new();
    let followed = client.follow(&job.id, &bar).await;
    bar.clear();
    let (whole, job) = followed?;
    let id = job.id.clone();
    let report = job.into_report()?;
    let folder = command.data_dir.join("demo").join(&id);
    for artifact in client.artifacts(&id).await? {
        client.download(&artifact, &folder).await?;
    }
    match command.json {
        true => output::print_json(&whole)?,
        false => output::print(&table::before_after(&report))?,
    }
    output::note(&format!(
        "\ndownloaded through signed URLs to {}, every SHA-256 verified",
        folder.display()
    ));
    Ok(())
}

fn request(command: &DemoCommand) -> Result<Value, Exit> {
    let [model, calibration, evaluation] = command.paths();
    let uri = |path: PathBuf| file_uri(&path.canonicalize()?);
    Ok(json!({
        "model": {"uri": uri(model)?},
        "calibration": {"uri": uri(calibration)?},
        "evaluation": {"uri": uri(evaluation)?},
        "target": {"value": command.target.as_deref().unwrap_or(command.example.target())},
        "labels": {"from": "demo"},
    }))
}

fn file_uri(path: &Path) -> Result<String, Exit> {
    let url = Url::from_file_path(path).map_err(|()| {
        Exit::Broken(format!(
            "the path {} cannot be written as a file:// URI",
            path.display()
        ))
    })?;
    Ok(url.to_string())
}
