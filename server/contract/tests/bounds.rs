//! Traffic that no API makes: what it costs, and that the real endpoints beside it stay right. A tenth of it by default, all
//! of it with `BOUNDS=full` (`make bounds`).

mod support;

use support::exchange;
use understudy_contract::Model;

/// Resident memory, where `/proc` tells it.
#[expect(clippy::disallowed_methods, reason = "only the system knows; the library asks nobody")]
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// All of a flood, or a tenth of it.
#[expect(clippy::disallowed_methods, reason = "how much is tested is the caller's to say; the library asks nobody")]
fn times(full: u64) -> u64 {
    if std::env::var("BOUNDS").is_ok_and(|word| word == "full") { full } else { full / 10 }
}

fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 8
}

/// Words, so that no form gives them away, at all depths.
fn random_path(n: u64) -> String {
    let (mut path, mut rest) = (String::new(), mixed(n));
    for _ in 0..1 + mixed(n + 1) % 5 {
        path.push('/');
        for _ in 0..4 + rest % 5 {
            path.push(char::from(b'a' + (rest % 26) as u8));
            rest = mixed(rest);
        }
    }
    path
}

/// Few words at each of many depths: no single place has too many.
fn deep_path(n: u64) -> String {
    (0..2 + mixed(n) % 5).fold(String::new(), |path, depth| {
        let word = mixed(n * 7 + depth) % 40;
        let (first, second) = (char::from(b'a' + (word % 8) as u8), char::from(b'a' + (word / 8) as u8));
        format!("{path}/{first}ol{second}")
    })
}

fn real(n: usize) -> Vec<String> {
    let (user, post) = (n % 40, n % 70);
    vec![
        format!(r#"GET /users/{user} 200 {{"id":{user},"login":"u","email":"a@b.co","age":3,"city":"x"}}"#),
        format!(r#"GET /users/{user}/posts 200 [{{"id":{post},"slug":"post-{post}","title":"t","body":"b"}}]"#),
        format!(r#"GET /posts/post-{post} 200 {{"id":{post},"slug":"post-{post}","title":"t","body":"b"}}"#),
        r#"GET /users/me 200 {"id":1,"login":"u","email":"a@b.co","age":3,"city":"x"}"#.to_owned(),
    ]
}

const REAL: [&str; 4] = ["/posts/{slug}", "/users/me", "/users/{id}", "/users/{userId}/posts"];

/// Learns the flood with real traffic in between; how much memory that took, and what became of the real endpoints.
#[track_caller]
fn check(paths: u64, flood: impl Fn(u64) -> String) {
    let mut model = Model::default();
    let before = resident_bytes();
    for n in 0..paths {
        model.learn(&exchange(n as usize, &flood(n)));
        if n % (paths / 50) == 0 {
            real(n as usize / 7).iter().for_each(|line| model.learn(&exchange(n as usize, line)));
        }
    }
    let contract = model.contract();
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        let grown = after.saturating_sub(before) >> 20;
        println!("{paths} paths: {grown} MiB, {} bytes stored", model.encode().len());
        assert!(grown <= 64, "{grown} MiB");
    }
    for template in REAL {
        let found = contract.endpoints().iter().find(|endpoint| endpoint.template == template);
        assert!(found.is_some_and(|endpoint| endpoint.requests >= 50), "{template}");
    }
}

#[test]
fn a_million_paths_that_are_not_there() {
    check(times(1_000_000), |n| format!("GET {} 404 ", random_path(n)));
}

/// What has names of its own beside it keeps them: `/users/me`, `/users/{id}/posts`.
#[test]
fn many_values_push_no_name_out() {
    check(20_000, |n| {
        let (a, b) = (mixed(n) % 1_000_000, mixed(n + 1) % 1_000);
        match n % 3 {
            0 => format!(
                "GET /users/user-{a} 200 {{\"id\":1,\"login\":\"u\",\"email\":\"a@b.co\",\"age\":3,\"city\":\"x\"}}"
            ),
            1 => format!("GET /posts/post-{a} 200 {{\"id\":1,\"slug\":\"post-{a}\",\"title\":\"t\",\"body\":\"b\"}}"),
            _ => format!("GET /files/{b}/{a}-of-{b} 200 {{\"k{n}\":1}}"),
        }
    });
}

/// Names of owners, and below each names of its own: more places than there is room for, but none of them tells anything. What
/// lies below them is told apart as before, and so is what comes later.
#[test]
fn values_below_values_push_no_route_out() {
    const ROUTES: &str = "issues pulls commits branches tags releases hooks keys labels milestones forks topics teams events \
                          stargazers subscribers languages contributors deployments pages notifications license readme traffic";
    let routes: Vec<&str> = ROUTES.split(' ').collect();
    let mut model = Model::default();
    for n in 0..times(400_000) {
        let (owner, repo, route) = (mixed(n) % 200, mixed(n + 7) % 300, routes[(mixed(n + 3) % 24) as usize]);
        let (owner, repo) = (word(owner), word(mixed(owner) + repo));
        let path = format!("/repos/{owner}/{repo}/{route}");
        let body = format!(r#"{{"{route}_id":{n},"of_{route}":{{"{route}_count":{},"at":"x"}}}}"#, n % 90);
        model.learn(&exchange(n as usize, &format!("GET {path} 200 {body}")));
        if n % 50 == 0 {
            real(n as usize / 50).iter().for_each(|line| model.learn(&exchange(n as usize, line)));
        }
    }
    let (contract, limits) = (model.contract(), model.limits());
    println!("{limits:?}, {} bytes stored", model.encode().len());
    let below: Vec<&str> =
        contract.endpoints().iter().map(|e| e.template.as_str()).filter(|t| t.starts_with("/repos")).collect();
    let templates: Vec<&str> = below.iter().map(|template| template.rsplit('/').next().unwrap_or_default()).collect();
    assert!(below.iter().all(|template| template.matches('{').count() == 2), "{below:?}");
    assert!(routes.iter().all(|route| templates.contains(route)) && below.len() == routes.len(), "{below:?}");
    assert_eq!(limits.level, 0, "{limits:?}");
    for template in REAL {
        assert!(contract.endpoints().iter().any(|endpoint| endpoint.template == template), "{template}");
    }
    // The way to the disk and back changes nothing, and more of the same finds its place.
    let mut again = Model::decode(&model.encode()).unwrap();
    assert_eq!(again, model);
    again.learn(&exchange(1, r#"GET /repos/newcomer/novelty/issues 200 {"issues_id":1}"#));
    assert_eq!(again.contract().endpoints().len(), contract.endpoints().len());
}

/// A word of letters for each number.
fn word(n: u64) -> String {
    let mut rest = mixed(n);
    (0..6)
        .map(|_| {
            let letter = char::from(b'a' + (rest % 26) as u8);
            rest /= 26;
            letter
        })
        .collect()
}

/// An API that answers whatever is asked: nothing can be told apart any more, but it costs no more than this, and what was
/// given up is said.
#[track_caller]
fn check_answered(path: impl Fn(u64) -> String) -> understudy_contract::model::Limits {
    let (mut model, before) = (Model::default(), resident_bytes());
    for n in 0..times(1_000_000) {
        model.learn(&exchange(n as usize, &format!("GET {} 200 {{\"k{n}\":1}}", path(n))));
    }
    println!("{:?}, {} bytes stored", model.limits(), model.encode().len());
    assert_small(before);
    assert_eq!(model.exchanges(), times(1_000_000));
    let contract = model.contract();
    println!("{} endpoints, {:?}", contract.endpoints().len(), contract.limits());
    assert!(contract.endpoints().len() <= 5_000);
    model.limits()
}

#[test]
fn a_million_paths_that_are_answered() {
    let limits = check_answered(random_path);
    assert!(limits.shared > times(1_000_000) / 2, "{limits:?}");
}

#[test]
fn a_million_deep_paths_that_are_answered() {
    let limits = check_answered(deep_path);
    assert!(limits.level > 0, "{limits:?}");
}

#[test]
fn a_million_keys() {
    let (mut model, before) = (Model::default(), resident_bytes());
    for n in 0..times(20_000) {
        let keys: Vec<String> =
            (0..50).map(|i| format!(r#""k{:x}":{{"a{:x}":{i}}}"#, mixed(n * 50 + i), mixed(n + i))).collect();
        model.learn(&exchange(n as usize, &format!(r#"GET /things/{n} 200 {{"id":{n},{}}}"#, keys.join(","))));
    }
    assert_small(before);
    let contract = model.contract();
    let bytes = contract.endpoints()[0].memory_bytes();
    println!("{bytes} bytes an endpoint");
    assert!(bytes <= 64 << 10, "{bytes}");
    assert_eq!((contract.endpoints().len(), contract.endpoints()[0].requests), (1, times(20_000)));
}

/// What the allocator keeps of the one time when all names were compared is a part of it.
#[track_caller]
fn assert_small(before: Option<u64>) {
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        let grown = after.saturating_sub(before) >> 20;
        println!("{grown} MiB");
        assert!(grown <= 96, "{grown} MiB");
    }
}
