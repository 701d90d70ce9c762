//! A chaos policy that is concerned with everything and never comes to a decision.

use understudy_plugin_sdk::{ChaosPolicy, ChaosRequest, Fault, export_chaos_policy};

struct Endless;

impl ChaosPolicy for Endless {
    fn decide(request: ChaosRequest) -> Option<Fault> {
        let mut drawn = request.random | 1;
        while drawn != 0 {
            drawn = drawn.wrapping_mul(3) | 1;
        }
        None
    }
}

export_chaos_policy!(Endless);
