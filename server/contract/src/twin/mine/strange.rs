//! Exchanges that belong to no endpoint: what the API says of paths it does not know, and of methods that a path has not.

use super::refusals::plain;
use crate::Contract;
use crate::twin::Journal;
use crate::twin::behaviour::{Closed, RefusalRule};
use crate::twin::causes::Cause;
use crate::twin::trace::{Carriers, seen};

/// Refusals kept for one method and template.
const MAX_KEPT: usize = 4;
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

pub(super) struct Strange {
    pub(super) unknown: Option<RefusalRule>,
    pub(super) closed: Vec<Closed>,
}

pub(super) fn find(journal: &Journal, contract: &Contract, carriers: &Carriers) -> Strange {
    let mut out = Strange { unknown: None, closed: vec![] };
    for exchange in journal.exchanges() {
        let (method, path) = (exchange.request.method.as_str(), exchange.request.path());
        let status = exchange.response.status;
        if !(400..=501).contains(&status) || contract.find(method, path).is_some() {
            continue;
        }
        let other = METHODS.into_iter().find_map(|method| contract.find(method, path));
        let params = other.iter().flat_map(|hit| &hit.parameters).map(|(_, value)| value.clone().into_owned());
        let rule = plain(&seen(exchange, 0, params.collect(), carriers), Cause::Always);
        match other {
            None if status == 404 => out.unknown = Some(rule),
            None => {}
            Some(hit) => {
                let template = &hit.endpoint.template;
                let known = out.closed.iter().position(|own| own.method == method && own.template == *template);
                let at = known.unwrap_or_else(|| {
                    let (template, method) = (template.clone(), method.to_owned());
                    out.closed.push(Closed { template, method, refusals: vec![] });
                    out.closed.len() - 1
                });
                let refusals = &mut out.closed[at].refusals;
                refusals.insert(0, rule);
                refusals.truncate(MAX_KEPT);
            }
        }
    }
    out
}
