//! Rates, distributions and repetition of faults, over many requests with fixed seeds.

use understudy_policy::chaos::{
    Abort, Active, Clients, Delay, Draw, End, Failures, Fault, FaultId, FieldMatch, Flapping, LogNormal, Match, Met,
    Normal, Period, Plan, Rule, Schedule, Side,
};

const REQUESTS: u64 = 10_000;

struct Request {
    method: &'static str,
    path: String,
    address: String,
    now_ms: u64,
}

impl Default for Request {
    fn default() -> Self {
        Self { method: "GET", path: "/users/7".into(), address: "127.0.0.1".into(), now_ms: 0 }
    }
}

fn plan(active: &Active, request: &Request) -> Plan {
    active.plan(&met(request))
}

fn met(request: &Request) -> Met<'_> {
    Met {
        method: request.method,
        path: &request.path,
        header: &|name| (name == "x-team").then_some("red"),
        query: &|name| (name == "page").then(|| "2".to_owned()),
        address: &request.address,
        now_ms: request.now_ms,
        side: &|| Side::Live,
        template: &|| None,
        failures: &|| Some(Failures { rate: 0.02, burst: 5, statuses: vec![(500, 1), (503, 3)] }),
    }
}

fn active(seed: u64, rules: &[Rule]) -> Active {
    Active::new(&[(seed, 0, rules)], &Active::default())
}

fn abort(status: u16) -> Fault {
    Fault::Abort(Abort { status, ..Abort::default() })
}

fn strikes(rule: Rule) -> u64 {
    let active = active(1, &[rule]);
    (0..REQUESTS).filter(|_| !plan(&active, &Request::default()).is_empty()).count() as u64
}

#[test]
fn rates_are_within_a_percentage_point() {
    for (seed, probability) in [(1, 0.01), (2, 0.05), (3, 0.3), (4, 0.5), (5, 0.95), (6, 0.0), (7, 1.0)] {
        let active = active(seed, &[Rule { id: seed, probability, ..Rule::of(abort(503)) }]);
        let struck = (0..REQUESTS).filter(|_| !plan(&active, &Request::default()).is_empty()).count();
        let rate = struck as f64 / REQUESTS as f64;
        assert!((rate - probability).abs() <= 0.01, "seed {seed}: {rate} instead of {probability}");
        assert_eq!(active.counts(seed), (REQUESTS, struck as u64));
    }
}

/// The largest distance between an empirical and a given distribution function (Kolmogorov and Smirnov).
fn distance(delay: Delay, cumulative: impl Fn(f64) -> f64) -> f64 {
    let mut samples: Vec<f64> =
        (0..REQUESTS).map(|ordinal| delay.sample(Draw::new(17, 1, ordinal)).expect("needs no history")).collect();
    samples.sort_by(f64::total_cmp);
    let n = samples.len() as f64;
    let gaps = samples.iter().enumerate().map(|(at, sample)| {
        let expected = cumulative(*sample);
        (expected - at as f64 / n).abs().max(((at + 1) as f64 / n - expected).abs())
    });
    gaps.fold(0.0, f64::max)
}

/// Abramowitz and Stegun 7.1.26: within 1.5e-7.
fn normal(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let erf = 1.0 - series.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-x * x).exp();
    if z < 0.0 { 0.5 - erf / 2.0 } else { 0.5 + erf / 2.0 }
}

#[test]
fn delays_have_the_asked_distribution() {
    let check = |name: &str, found: f64| assert!(found <= 0.02, "{name}: {found}");
    check("uniform", distance(Delay::UniformMs(100.0, 300.0), |x| ((x - 100.0) / 200.0).clamp(0.0, 1.0)));
    let bell = Delay::NormalMs(Normal { mean: 500.0, deviation: 50.0 });
    check("normal", distance(bell, |x| normal((x - 500.0) / 50.0)));
    let sigma = (900.0_f64 / 100.0).ln() / 2.326_347_874_040_841;
    let skewed = Delay::LogNormalMs(LogNormal { median: 100.0, p99: 900.0 });
    check("log-normal", distance(skewed, |x| normal((x / 100.0).ln() / sigma)));
    assert_eq!(Delay::FixedMs(250.0).sample(Draw::new(1, 1, 1)), Some(250.0));
    let below = Delay::NormalMs(Normal { mean: 1.0, deviation: 100.0 });
    assert!((0..1000).all(|ordinal| below.sample(Draw::new(1, 1, ordinal)).is_some_and(|millis| millis >= 0.0)));
}

#[test]
fn the_99th_percentile_of_a_log_normal_delay_is_the_asked_one() {
    let delay = Delay::LogNormalMs(LogNormal { median: 100.0, p99: 900.0 });
    let above =
        (0..REQUESTS).filter(|n| delay.sample(Draw::new(3, 1, *n)).is_some_and(|millis| millis > 900.0)).count();
    assert!((70..=130).contains(&above), "{above} of 10000");
}

#[test]
fn the_same_seed_and_order_give_the_same_faults_and_an_id_replays_one() {
    let delay = Fault::Delay(Delay::UniformMs(0.0, 1000.0));
    let rules = [
        Rule { id: 1, probability: 0.3, ..Rule::of(delay) },
        Rule { id: 2, probability: 0.2, priority: 1, ..Rule::of(abort(500)) },
    ];
    let run = |seed| -> Vec<Plan> {
        let active = active(seed, &rules);
        (0..1000).map(|_| plan(&active, &Request::default())).collect()
    };
    let first = run(42);
    assert_eq!(first, run(42));
    assert_ne!(first, run(43));
    let later = active(99, &rules);
    let alone = first.iter().filter(|plan| plan.hits.len() == 1);
    for plan in alone {
        let id: FaultId = plan.hits[0].id.to_string().parse().expect("an id reads back");
        assert_eq!(later.replay(id, &met(&Request::default())).as_ref(), Some(plan));
    }
    assert!(later.replay(FaultId { seed: 42, rule: 9, ordinal: 0 }, &met(&Request::default())).is_none());
}

#[test]
fn rules_combine_and_the_higher_one_settles_a_contradiction() {
    let rules = [
        Rule { id: 1, ..Rule::of(abort(500)) },
        Rule { id: 2, priority: 5, ..Rule::of(abort(503)) },
        Rule { id: 3, ..Rule::of(Fault::Delay(Delay::FixedMs(10.0))) },
        Rule { id: 4, ..Rule::of(Fault::Delay(Delay::FixedMs(20.0))) },
        Rule { id: 5, enabled: false, ..Rule::of(Fault::Hang) },
    ];
    let plan = plan(&active(1, &rules), &Request::default());
    assert_eq!(plan.end, Some(End::Abort(Abort { status: 503, ..Abort::default() })));
    assert_eq!(plan.delay_ms, 30.0);
    assert_eq!(plan.hits.iter().map(|hit| hit.id.rule).collect::<Vec<_>>(), [2, 1, 3, 4]);
}

#[test]
fn a_rule_concerns_whom_it_says() {
    let check = |matches: Match, expected: bool| {
        let shown = format!("{matches:?}");
        let rule = Rule { matches, ..Rule::of(Fault::Hang) };
        assert_eq!(strikes(rule) == REQUESTS, expected, "{shown}");
    };
    let field = |name: &str, value: Option<&str>| FieldMatch { name: name.into(), value: value.map(str::to_owned) };
    check(Match { methods: vec!["GET".into(), "PUT".into()], ..Match::default() }, true);
    check(Match { methods: vec!["POST".into()], ..Match::default() }, false);
    check(Match { path: Some("/users/{id}".into()), ..Match::default() }, true);
    check(Match { path: Some("/orders/**".into()), ..Match::default() }, false);
    check(Match { headers: vec![field("x-team", Some("r*"))], ..Match::default() }, true);
    check(Match { headers: vec![field("x-team", Some("blue"))], ..Match::default() }, false);
    check(Match { headers: vec![field("x-other", None)], ..Match::default() }, false);
    check(Match { query: vec![field("page", Some("2"))], ..Match::default() }, true);
    check(Match { query: vec![field("page", Some("3"))], ..Match::default() }, false);
    check(Match { source: Some(Side::Live), ..Match::default() }, true);
    check(Match { source: Some(Side::Mocked), ..Match::default() }, false);
}

#[test]
fn a_share_of_the_clients_is_always_the_same_part() {
    let matches = Match { clients: Some(Clients { share: 0.2, by: None }), ..Match::default() };
    let rule = [Rule { matches, ..Rule::of(Fault::Hang) }];
    let struck = |seed| -> Vec<u64> {
        let active = active(seed, &rule);
        let from = |n: &u64| Request { address: format!("10.0.{}.{}", n / 250, n % 250), ..Request::default() };
        (0..REQUESTS).filter(|n| !plan(&active, &from(n)).is_empty()).collect()
    };
    let first = struck(1);
    assert_eq!(first, struck(2));
    let share = first.len() as f64 / REQUESTS as f64;
    assert!((share - 0.2).abs() <= 0.01, "{share}");
}

#[test]
fn counts_and_ramps_shape_a_rule() {
    let first = Schedule { first: Some(7), ..Schedule::default() };
    assert_eq!(strikes(Rule { schedule: first, ..Rule::of(Fault::Hang) }), 7);
    let every = Schedule { every: Some(4), ..Schedule::default() };
    assert_eq!(strikes(Rule { schedule: every, ..Rule::of(Fault::Hang) }), REQUESTS / 4);
    let ramp = Schedule { ramp_seconds: Some(10.0), ..Schedule::default() };
    let active = active(1, &[Rule { schedule: ramp, ..Rule::of(Fault::Hang) }]);
    let at = |now_ms| Request { now_ms, ..Request::default() };
    let struck = |from: u64| (from..from + 2000).filter(|now| !plan(&active, &at(*now)).is_empty()).count();
    let (early, late) = (struck(0), struck(7000));
    assert!((120..280).contains(&early) && (1500..1700).contains(&late), "{early} {late}");
}

#[test]
fn an_upstream_flaps_by_the_clock() {
    let flapping = Fault::Flapping(Flapping { up_seconds: 2.0, down_seconds: 1.0, status: 502 });
    let active = active(1, &[Rule::of(flapping)]);
    let at = |second: u64| Request { now_ms: second * 1000, ..Request::default() };
    let down: Vec<u64> = (0..9).filter(|second| !plan(&active, &at(*second)).is_empty()).collect();
    assert_eq!(down, [2, 5, 8]);
    assert!(Period { on_seconds: 2.0, off_seconds: 1.0 }.is_on(1999));
}

#[test]
fn the_apis_own_failures_come_as_often_as_the_dial_says_and_in_its_bursts() {
    for dial in [0.0, 1.0, 5.0, 20.0] {
        let active = active(5, &[Rule::of(Fault::Learned { dial })]);
        let failed: Vec<bool> = (0..REQUESTS).map(|_| !plan(&active, &Request::default()).is_empty()).collect();
        let rate = failed.iter().filter(|failed| **failed).count() as f64 / REQUESTS as f64;
        assert!((rate - 0.02 * dial).abs() <= 0.02, "{dial}: {rate}");
        // Runs are whole bursts.
        assert!(failed.chunks(5).all(|block| block.iter().all(|failed| *failed == block[0])));
    }
}

#[test]
fn counts_go_on_when_another_rule_changes() {
    let (kept, gone) = (Rule { id: 1, ..Rule::of(Fault::Hang) }, Rule { id: 2, ..Rule::of(Fault::Hang) });
    let before = active(1, &[kept.clone(), gone]);
    plan(&before, &Request::default());
    let changed = Rule { id: 2, probability: 0.5, ..Rule::of(Fault::Hang) };
    let after = Active::new(&[(1, 0, &[kept, changed])], &before);
    assert_eq!((after.counts(1), after.counts(2)), ((1, 1), (0, 0)));
}
