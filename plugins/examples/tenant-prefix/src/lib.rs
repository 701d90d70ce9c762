//! Names the tenant segment of a path: `/t/acme/users/7` becomes `/t/{tenant}/users/7`, and the `7` is left to
//! Understudy. Two keys configure it: `prefixes` (default `t,tenants,orgs`) and `name` (default `tenant`).

use understudy_plugin_sdk::{Normalizer, config, export_normalizer};

struct TenantPrefix;

impl Normalizer for TenantPrefix {
    fn normalize(_method: String, mut segments: Vec<String>) -> Option<Vec<String>> {
        let prefixes = config("prefixes").unwrap_or_else(|| "t,tenants,orgs".to_owned());
        let prefix = segments.iter().position(|segment| prefixes.split(',').any(|p| p.trim() == segment))?;
        let name = config("name").unwrap_or_else(|| "tenant".to_owned());
        *segments.get_mut(prefix + 1)? = format!("{{{name}}}");
        Some(segments)
    }
}

export_normalizer!(TenantPrefix);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<&str>) {
        let segments = path.split('/').map(str::to_owned).collect();
        assert_eq!(TenantPrefix::normalize("GET".to_owned(), segments).map(|s| s.join("/")).as_deref(), expected);
    }

    #[test]
    fn the_segment_after_a_prefix_is_the_tenant() {
        check("t/acme/users/7", Some("t/{tenant}/users/7"));
        check("api/v1/orgs/acme", Some("api/v1/orgs/{tenant}"));
    }

    #[test]
    fn other_paths_are_left_alone() {
        check("users/t7", None);
        check("tenants", None);
    }
}
