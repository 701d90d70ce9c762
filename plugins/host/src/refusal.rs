use std::io;

/// Why a file cannot be used. The texts go on after the file's name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the plugin engine does not start: {0}")]
    Engine(String),
    #[error("no more than {most} plugins are loaded")]
    TooMany { most: usize },
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it has more than {most} bytes")]
    TooBig { most: u64 },
    #[error("it is not WebAssembly: it does not begin with \\0asm and a version")]
    NotWasm,
    #[error("it cannot be made a component: {0}")]
    NoComponent(String),
    #[error("it does not compile: {0}")]
    Invalid(String),
    #[error("it imports `{0}`, which plugins are not given")]
    UnknownImport(String),
    #[error("its imports do not fit: {0}")]
    Imports(String),
    #[error("it exports no hook of understudy:plugin@0.1.0 (it exports {})", if .0.is_empty() { "nothing".to_owned() } else { .0.join(", ") })]
    NoHook(Vec<String>),
    #[error("its hook is not complete: {0}")]
    IncompleteHook(String),
    #[error("it fails at the start: {0}")]
    Start(String),
    #[error("the loader itself failed on it")]
    LoaderPanic,
}
