//! The state follows the API: what the API itself answered is taken over, as mining does with a recorded exchange.

use super::Behaviour;
use super::classes::SiteId;
use super::mine::{each_row, forget_deleted, settle};
use super::select::caller;
use super::trace::{Seen, seen};
use super::value::Pattern;
use super::world::State;
use crate::{Contract, Exchange};

impl State {
    /// Takes over one exchange with the API. An exchange of an endpoint that the behaviour does not know changes nothing.
    pub fn observe(&mut self, contract: &Contract, behaviour: &Behaviour, exchange: &Exchange) {
        let Some(hit) = contract.find_request(&exchange.request) else { return };
        let params = hit.parameters.iter().map(|(_, value)| value.clone().into_owned()).collect();
        let mut seen = seen(exchange, 0, params, &behaviour.carriers);
        let id = behaviour.cases.id(&hit.endpoint.id.0, &seen.call);
        let known = behaviour.endpoints.get(id.as_ref()).zip(behaviour.rules.get(id.as_ref()));
        let Some((endpoint, rule)) = known else { return };
        seen.endpoint = *endpoint;
        let classes = &behaviour.classes;
        let who = caller(&self.world, &behaviour.door, &seen.call);
        let shown = self.world.observe(&seen, classes, &behaviour.viewer_fields, who.as_deref());
        let outer = shown.iter().find(|shown| {
            !shown.pattern.has_each()
                && classes.is_outer(&SiteId { endpoint: *endpoint, pattern: shown.pattern.clone() })
        });
        if let Some(outer) = outer {
            let created = outer.before.is_none() && seen.call.method != "GET";
            settle(&mut self.world, outer, &seen, created, who.as_deref(), &behaviour.token_fields);
        }
        self.learn_sessions(behaviour, &seen);
        forget_deleted(&mut self.world, &seen, &rule.place, classes);
    }

    /// Credentials that the answer gives out, and the one that it accepted.
    fn learn_sessions(&mut self, behaviour: &Behaviour, seen: &Seen) {
        if !seen.ok() {
            return;
        }
        let sessions = std::sync::Arc::make_mut(&mut self.world.sessions);
        if let Some(credential) = &seen.call.credential {
            sessions.entry(credential.clone()).or_insert(None);
        }
        let Some(reply) = &seen.reply else { return };
        let mut note = |class: usize, key: String, object: &serde_json::Map<String, serde_json::Value>| {
            let fields = behaviour.token_fields.iter().filter(|(own, _)| *own == class);
            for token in fields.filter_map(|(_, name)| object.get(name)?.as_str()) {
                sessions.insert(token.to_owned(), Some((class, key.clone())));
            }
        };
        each_row(reply, &Pattern::default(), seen.endpoint, &behaviour.classes, &mut note);
    }
}
