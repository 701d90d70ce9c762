//! The guard over HTTP/1 framing: however the bytes are cut into reads, it passes on the same ones, and a refusal leaves the mark
//! at which hyper refuses, too.

pub fn run(data: &[u8]) {
    let Some((step, data)) = data.split_first() else { return };
    let whole = listen::passed(data, data.len().max(1));
    for step in [1, 2, usize::from(*step).max(1)] {
        assert_eq!(listen::passed(data, step), whole, "in steps of {step}");
    }
    let (bytes, is_refused) = whole;
    assert!(!is_refused || bytes.ends_with(&[0]), "hyper must see why");
    assert!(is_refused || bytes.len() <= data.len());
}

#[path = "../../server/src/listen"]
mod listen {
    #[allow(dead_code, unreachable_pub, reason = "a target uses a part of it")]
    mod guard;

    /// What is handed up when so many bytes are read at a time, and whether it was refused.
    pub(super) fn passed(data: &[u8], step: usize) -> (Vec<u8>, bool) {
        let mut guard = guard::Guard::new();
        let mut bytes = data.to_vec();
        let mut up = Vec::new();
        for piece in bytes.chunks_mut(step) {
            let mut rest = piece;
            while !rest.is_empty() {
                let passed = guard.check(rest);
                assert!(passed <= rest.len());
                up.extend_from_slice(&rest[..passed]);
                if guard.is_refused() {
                    return (up, true);
                }
                if guard.is_at_crossroads() {
                    // hyper answers what asked for another protocol, and refuses to switch.
                    guard.decide(false);
                }
                rest = &mut rest[passed..];
            }
        }
        (up, false)
    }
}
