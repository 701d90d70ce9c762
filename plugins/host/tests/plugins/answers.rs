//! What plugins that behave are asked and answer.

use understudy_plugin_host::{Hook, Options, PluginState};

use crate::support::{Folder, config, guest, names_the_second, panics, tenant_prefix};

const CORE: &str = "wasm32-unknown-unknown";

#[test]
fn the_example_names_the_tenant() {
    for target in [CORE, "wasm32-wasip2"] {
        let folder = Folder::new(&[("tenant.wasm", &tenant_prefix(target))]);
        assert_eq!(folder.ask("GET", "t/acme/users/7").as_deref(), Some("t/{tenant}/users/7"), "{target}");
        assert_eq!(folder.ask("GET", "users/7"), None, "{target}");

        let report = folder.report();
        assert_eq!((report.name.as_str(), report.version.as_deref()), ("tenant-prefix", Some("0.1.0")), "{target}");
        assert_eq!((report.file.as_str(), report.hooks), ("tenant.wasm", vec![Hook::Normalizer]));
        assert_eq!((report.state, report.calls, report.traps), (PluginState::Active, 2, 0));
    }
}

#[test]
fn the_operators_configuration_reaches_the_plugin() {
    let options = config("tenant", &[("prefixes", "shops, markets"), ("name", "shop")]);
    let folder = Folder::with(&[("tenant.wasm", &tenant_prefix(CORE))], &options);
    assert_eq!(folder.ask("GET", "markets/acme").as_deref(), Some("markets/{shop}"));
    assert_eq!(folder.ask("GET", "t/acme"), None);
}

#[test]
fn the_first_opinion_wins_in_the_order_of_the_file_names() {
    let (a, b) = (names_the_second('a'), names_the_second('b'));
    let no_opinion = guest("", "(i32.const 16)");
    let folder = Folder::new(&[("20.wasm", &b), ("10.wasm", &no_opinion), ("15.wasm", &a)]);
    assert_eq!(folder.ask("GET", "x/y").as_deref(), Some("x/{a}"));
    let asked: Vec<_> = folder.host.list().into_iter().map(|report| (report.file, report.calls)).collect();
    assert_eq!(asked, [("10.wasm".to_owned(), 1), ("15.wasm".to_owned(), 1), ("20.wasm".to_owned(), 0)]);
}

#[test]
fn a_segment_that_reads_like_a_parameter_is_nobodys_question() {
    let folder = Folder::new(&[("a.wasm", &names_the_second('a'))]);
    assert_eq!(folder.ask("GET", "{x}/y"), None);
    assert_eq!(folder.report().calls, 0);
}

#[test]
fn a_question_beyond_the_bound_is_not_asked() {
    let folder = Folder::new(&[("a.wasm", &names_the_second('a'))]);
    assert_eq!(folder.ask("GET", &format!("x/{}", "y".repeat(64 << 10))), None);
    assert_eq!(folder.ask("GET", &format!("x/{}", "y".repeat(60 << 10))).as_deref(), Some("x/{a}"));
    assert_eq!(folder.report().calls, 1);
}

#[test]
fn many_threads_ask_at_once() {
    let folder = Folder::new(&[("tenant.wasm", &tenant_prefix(CORE)), ("panics.wasm", &panics())]);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let folder = &folder;
            scope.spawn(move || {
                for i in 0..250 {
                    let path = format!("t/acme-{thread}/items/{i}");
                    assert_eq!(folder.ask("GET", &path), Some(format!("t/{{tenant}}/items/{i}")));
                }
            });
        }
    });
    assert_eq!(folder.host.list().iter().map(|report| report.calls).collect::<Vec<_>>(), [2000, 2000]);
}

#[test]
fn without_a_folder_there_are_no_plugins() {
    let host = understudy_plugin_host::PluginHost::load(std::path::Path::new("no/such/folder"), Options::default());
    assert!(host.list().is_empty());
    assert_eq!(host.current().normalize("GET", &["a"]), None);
}
