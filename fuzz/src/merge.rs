//! Merging: any order, any sharding and any bracketing give the same bytes. The first byte says who learns what.

use understudy_contract::Model;

use crate::recording::{exchanges, learn};

pub fn run(data: &[u8]) {
    let Some((deal, data)) = data.split_first() else { return };
    let all = exchanges(data);
    let forward = learn(&all).encode();
    assert!(learn(all.iter().rev()).encode() == forward, "the order of learning shows");

    let shards = usize::from(deal % 4) + 2;
    let step = usize::from(deal / 4) + 1;
    let shard = |number: usize| {
        let own = all.iter().enumerate().filter(move |(at, _)| (at * step + at / 3) % shards == number);
        learn(own.map(|(_, exchange)| exchange))
    };
    let mut left = Model::default();
    (0..shards).for_each(|number| left.merge(shard(number)));
    assert!(left.encode() == forward, "{shards} shards, from the first to the last");
    // The other way round, each the larger part of the next merge.
    let right = (0..shards).rev().map(shard).reduce(|rest, mut next| {
        next.merge(rest);
        next
    });
    assert!(right.map(|model| model.encode()) == Some(forward), "{shards} shards, from the last to the first");
}
