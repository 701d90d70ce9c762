//! Templates change while they are learned. What that means for baselines.

use std::collections::BTreeMap;

use super::watch::Watch;
use crate::Contract;

/// One exchange in so many is no more than what any baseline has to bear.
const FEW: u32 = 100;

/// Follows a newer contract: endpoints that it lacks are forgotten; those that are only another way to divide the same paths
/// are no new endpoints; and one that got the requests of another learns anew, because its baseline knew nothing of them.
/// The ids of those of which nothing is known any more, and whether paths were divided in another way.
pub(super) fn follow(watches: &mut BTreeMap<String, Watch>, contract: &Contract) -> (Vec<String>, bool) {
    let (stay, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
        std::mem::take(watches).into_iter().partition(|(id, _)| contract.endpoint(id).is_some());
    *watches = stay;
    let mut forgotten: Vec<String> = gone.keys().cloned().collect();
    let mut moved = false;
    for endpoint in contract.endpoints() {
        let (method, template) = (&*endpoint.method, &*endpoint.template);
        if let Some(watch) = watches.get_mut(&endpoint.id.0) {
            let taken = gone.values().filter(|old| old.method == method && covers(template, &old.template));
            let taken: u32 = taken.map(|old| old.exchanges).sum();
            if taken > watch.exchanges / FEW {
                *watch = Watch::new(method, template);
                forgotten.push(endpoint.id.0.clone());
                moved = true;
            } else if watch.template != template {
                template.clone_into(&mut watch.template);
            }
            continue;
        }
        let is_old = watches.values().any(|old| old.method == method && covers(&old.template, template))
            || gone.values().any(|old| old.method == method && meet(&old.template, template));
        if is_old && endpoint.graphql.is_none() {
            watches.insert(endpoint.id.0.clone(), Watch::new(method, template));
            moved = true;
        }
    }
    (forgotten, moved)
}

/// Whether some path is one of both templates.
fn meet(one: &str, other: &str) -> bool {
    let is_parameter = |segment: &str| segment.contains('{');
    one.split('/').count() == other.split('/').count()
        && one.split('/').zip(other.split('/')).all(|(a, b)| a == b || is_parameter(a) || is_parameter(b))
}

/// Whether every path of the special template is one of the general template too, and not all the other way round.
fn covers(general: &str, special: &str) -> bool {
    let is_parameter = |segment: &str| segment.contains('{');
    let mut pairs = general.split('/').zip(special.split('/'));
    general.split('/').count() == special.split('/').count()
        && pairs.all(|(general, special)| general == special || is_parameter(general))
        && general.split('/').zip(special.split('/')).any(|(g, s)| is_parameter(g) && !is_parameter(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_covers_what_may_stand_there() {
        assert!(covers("/users/{id}", "/users/me") && covers("/{a}/{b}", "/x/{id}"));
        assert!(!covers("/users/me", "/users/{id}") && !covers("/users/{id}", "/users/{userId}"));
        assert!(meet("/users/{id}/posts", "/users/me/{list}") && !meet("/users/{id}", "/orders/{id}"));
        assert!(!covers("/users/{id}", "/users/me/posts") && !covers("/users/{id}", "/orders/me"));
    }
}
