//! The path templater: every path that was answered is found again, and its template fits it.

use understudy_contract::{Contract, Segment};

use crate::recording::{exchanges, learn};

pub fn run(data: &[u8]) {
    let all = exchanges(data);
    let contract = learn(&all).contract();
    for exchange in &all {
        let _ = contract.find(&exchange.request.method, exchange.request.path());
        let was_answered = !matches!(exchange.response.status, 404 | 405);
        assert!(
            !was_answered || contract.find_request(&exchange.request).is_some(),
            "{} {} was answered and is not found",
            exchange.request.method,
            exchange.request.target
        );
    }
    has_sound_templates(&contract);
}

/// A template is what its segments say, and each of its parameters has a name of its own.
fn has_sound_templates(contract: &Contract) {
    for endpoint in contract.endpoints() {
        let mut names = Vec::new();
        for segment in &endpoint.segments {
            if let Segment::Parameter { name, .. } = segment {
                assert!(!name.is_empty(), "{} has a parameter without a name", endpoint.template);
                names.push(name);
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{} has two parameters of one name", endpoint.template);
    }
}
