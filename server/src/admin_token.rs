//! The admin token that is made where one is needed and nobody gave one: in a file under `DATA_DIR` that only its owner can read.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::config::{Config, Mistake, Wrong, admin_token};

const FILE: &str = "admin-token";
const BYTES: usize = 24;

/// Where it lies.
#[must_use]
pub(crate) fn path(config: &Config) -> PathBuf {
    config.data_dir.join(FILE)
}

/// What was made before, if it was.
pub(crate) fn read(config: &Config) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path(config)) {
        Ok(text) => match admin_token(text.trim()) {
            Ok(token) => Ok(Some(token)),
            Err(Wrong { expected, .. }) => Err(io::Error::other(format!("it does not hold {expected}"))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The configuration with a token where one is needed, and whether it was made just now: then somebody has to be told.
pub(crate) fn complete(mut config: Config) -> Result<(Config, bool), Mistake> {
    if config.admin_token.is_some() || !config.needs_token() {
        return Ok((config, false));
    }
    let path = path(&config);
    let unfit = |error: io::Error| {
        let expected = format!("a file with the admin token, or ADMIN_TOKEN to be set ({error})");
        Mistake::new("DATA_DIR", path.display(), expected)
    };
    let (token, is_new) = match read(&config).map_err(unfit)? {
        Some(token) => (token, false),
        None => (create(&path).map_err(unfit)?, true),
    };
    config.admin_token = Some(token);
    Ok((config, is_new))
}

fn create(path: &Path) -> io::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Flags, Layers};

    fn config(dir: &Path, listen: &str) -> Config {
        let env = BTreeMap::from([("LISTEN_ADDR".to_owned(), listen.to_owned())]);
        let (config, mistakes) = Config::check(&Layers::new(&Flags::default(), &env, None));
        assert!(mistakes.is_empty());
        Config { data_dir: dir.into(), ..config }
    }

    #[test]
    fn a_token_is_made_once_where_one_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, is_new) = complete(config(dir.path(), "127.0.0.1:8000")).unwrap();
        assert!(inside.admin_token.is_none() && !is_new && !path(&inside).exists());
        let (first, is_new) = complete(config(dir.path(), "0.0.0.0:8000")).unwrap();
        assert!(is_new && first.admin_token.as_ref().is_some_and(|token| token.len() == 32));
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&path(&first).metadata().unwrap()) & 0o777, 0o600);
        let (second, is_new) = complete(config(dir.path(), "0.0.0.0:8000")).unwrap();
        assert!(!is_new && second.admin_token == first.admin_token);
        std::fs::write(path(&first), "short").unwrap();
        assert!(complete(config(dir.path(), "0.0.0.0:8000")).is_err());
    }
}
