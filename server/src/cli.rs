//! The command line: `serve`, and small commands that ask a running server.

mod check;
mod doctor;
mod export;
mod import;
mod plugin;
mod progress;
mod projects;
mod remote;
mod replay;
mod report;
mod twin;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;
use understudy_types::Mode;

use self::check::Manner;
use self::report::{FailOn, Format};
use crate::app::App;
use crate::config::{Config, Flags, Layers, LogFormat, Mistake, Mistakes, ProcessEnv};

/// A wrong configuration, as `clap` does for wrong arguments.
const EXIT_CONFIGURATION: u8 = 2;

/// Told twice to end; running exchanges were cut off.
const EXIT_CUT_OFF: u8 = 130;

/// Shown below the help, and in the man page.
const EXIT_CODES: &str = "Exit codes:
  0    it was done; check: nothing drifted; doctor: all is well
  1    it could not be done; check, diff: something drifted; doctor: something is not well;
       replay: not every request was answered
  2    the arguments or the configuration are wrong; check, diff, doctor: it could not be looked at
  130  serve was told twice to end and cut off what was running";

/// An understudy for an API: it watches, learns, and stands in.
#[derive(Debug, Parser)]
#[command(name = "understudy", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stand in front of an API (this is what runs without a command)
    Serve,
    /// Show the status of a running Understudy
    Status,
    /// Change who answers: upstream or the twin
    Mode { mode: ModeWord },
    /// Print the learned API as an OpenAPI 3.1 document
    Openapi,
    /// Learn a document, by a running Understudy or straight into the project file: OpenAPI 3.x or Swagger 2 (JSON or YAML), a HAR,
    /// a Postman collection 2.1, WireMock mappings, a Hoverfly simulation v5, or an access log in JSON lines. A damaged file changes
    /// nothing
    Import {
        file: PathBuf,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// List projects, make, switch, copy, rename, delete, export and import them
    Projects {
        #[command(subcommand)]
        command: projects::ProjectsCommand,
        /// Print JSON instead of text
        #[arg(long, global = true)]
        json: bool,
    },
    /// Send the requests of a recording (HAR) to an address, and say how it did
    Replay(replay::Replay),
    /// Look project files over, repair what can be repaired, explain the rest
    Doctor(doctor::Doctor),
    /// Print what a shell needs to complete arguments
    Completions { shell: clap_complete::Shell },
    /// Print the man page, or write one for each command into a folder
    Man { dir: Option<PathBuf> },
    /// Print what was learned in the form of another tool
    Export {
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(crate::export::NAMES))]
        format: String,
        /// Write it there instead
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Say whether the API drifted from its baselines; exit code 1 when it did
    Check {
        /// Project file under the data folder, instead of DB_NAME
        #[arg(long, value_name = "NAME")]
        project: Option<String>,
        /// A version of the baselines, such as v3, to compare the current one with too
        #[arg(long, value_name = "VERSION")]
        baseline: Option<String>,
        /// The least severity that fails
        #[arg(long, value_enum, default_value = "critical")]
        fail_on: FailOn,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Compare two OpenAPI documents
    Diff {
        old: PathBuf,
        new: PathBuf,
        /// The least severity that fails
        #[arg(long, value_enum, default_value = "none")]
        fail_on: FailOn,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Write a plugin, look at one, ask one
    Plugin {
        #[command(subcommand)]
        command: plugin::PluginCommand,
    },
    /// Look at the twin's state, save it, load it, forget it
    Twin {
        #[command(subcommand)]
        command: TwinCommand,
        /// Print JSON instead of text
        #[arg(long, global = true)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum TwinCommand {
    /// Show the collections, or the rows of one
    State { collection: Option<String> },
    /// Undo what the twin's own answers changed
    Reset,
    /// Keep the state under a name
    Save { name: String },
    /// Go back to a state that was saved
    Load { name: String },
    /// List the saved states
    Saves,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeWord {
    Proxy,
    Mock,
    Shadow,
}

impl From<ModeWord> for Mode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::Proxy => Self::Proxy,
            ModeWord::Mock => Self::Mock,
            ModeWord::Shadow => Self::Shadow,
        }
    }
}

/// Runs one command to its end.
#[must_use]
pub fn run(mut cli: Cli) -> ExitCode {
    // They say what could be said, whatever the configuration is.
    match &cli.command {
        Some(Command::Completions { shell }) => return complete(*shell),
        Some(Command::Man { dir }) => return man(dir.as_deref()),
        _ => {}
    }
    if let Some(Command::Check { project: Some(project), .. }) = &cli.command {
        cli.flags.db_name = Some(project.clone());
    }
    let layers = Layers::read(&cli.flags, &ProcessEnv);
    let (config, mistakes) = Config::check(&layers);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("start the runtime: {error}")),
    };
    let Some(command) = cli.command.filter(|command| !matches!(command, Command::Serve)) else {
        return runtime.block_on(serve(config, mistakes));
    };
    if !mistakes.is_empty() {
        return explain(&Mistakes(mistakes));
    }
    let command = match command {
        Command::Check { baseline, fail_on, format, .. } => {
            let project = layers.get("DB_NAME").is_some().then_some(config.project.as_str());
            return runtime.block_on(check::check(&config, project, baseline.as_deref(), Manner { fail_on, format }));
        }
        Command::Diff { old, new, fail_on, format } => return check::diff(&old, &new, Manner { fail_on, format }),
        Command::Doctor(doctor) => return doctor::run(&config, &doctor),
        Command::Replay(wanted) => {
            return match runtime.block_on(replay::run(&config, wanted)) {
                Ok((text, all_answered)) => {
                    println!("{text}");
                    ExitCode::from(u8::from(!all_answered))
                }
                Err(error) => fail(&format!("{error:#}")),
            };
        }
        command => command,
    };
    match runtime.block_on(ask(&config, command)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!("{error:#}")),
    }
}

async fn serve(config: Config, mistakes: Vec<Mistake>) -> ExitCode {
    start_log(&config.log, config.log_format);
    let app = match App::start(config, mistakes).await {
        Ok(app) => app,
        Err(mistakes) => return explain(&mistakes),
    };
    app.announce();
    shutdown_signal().await;
    tracing::info!("ending after what is running; once more ends at once");
    tokio::select! {
        () = app.shutdown() => ExitCode::SUCCESS,
        () = shutdown_signal() => {
            // Nothing is waited for, threads neither: the project file is safe, what was not learned yet is lost.
            std::process::exit(EXIT_CUT_OFF.into())
        }
    }
}

async fn ask(config: &Config, command: Command) -> anyhow::Result<String> {
    let remote = remote::Remote::new(config)?;
    match command {
        Command::Plugin { command } => plugin::run(config, command),
        Command::Import { file, json } => import::run(&remote, config, &file, json).await,
        Command::Projects { command, json } => projects::run(&remote, command, json).await,
        Command::Export { format, output } => export::run(&remote, config, &format, output.as_deref()).await,
        Command::Mode { mode } => remote.set_mode(mode.into()).await,
        Command::Openapi => remote.get("/admin/openapi.json").await,
        Command::Twin { command, json } => twin::run(&remote, command, json).await,
        // The others do not come here.
        _ => remote.get("/admin/status").await,
    }
}

fn complete(shell: clap_complete::Shell) -> ExitCode {
    clap_complete::generate(shell, &mut Cli::command(), "understudy", &mut std::io::stdout());
    ExitCode::SUCCESS
}

fn man(dir: Option<&Path>) -> ExitCode {
    let written = match dir {
        Some(dir) => std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir)),
        None => clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout()),
    };
    written.map_or_else(|error| fail(&format!("write the man page: {error}")), |()| ExitCode::SUCCESS)
}

fn start_log(filter: &str, format: LogFormat) {
    // The filter was checked with the rest of the configuration.
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A log that cannot be written, on a full disk for one, must not end the program: the subscriber's own complaint would.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(ansi).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

fn explain(mistakes: &Mistakes) -> ExitCode {
    eprintln!("{mistakes}");
    ExitCode::from(EXIT_CONFIGURATION)
}

fn fail(message: &str) -> ExitCode {
    eprintln!("failed to {message}");
    ExitCode::FAILURE
}

/// Ctrl-C, or the SIGTERM of a supervisor.
async fn shutdown_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => drop(interrupted.await),
    }
}
