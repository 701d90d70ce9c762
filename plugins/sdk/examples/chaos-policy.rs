//! Makes one in ten calls of `/checkout` wait for a second.

use understudy_plugin_sdk::{ChaosPolicy, ChaosRequest, Fault, export_chaos_policy};

struct Plugin;

impl ChaosPolicy for Plugin {
    fn concerns(_method: String, path: String) -> bool {
        path.starts_with("/checkout")
    }

    fn decide(request: ChaosRequest) -> Option<Fault> {
        request.random.is_multiple_of(10).then_some(Fault::Delay(1000))
    }
}

export_chaos_policy!(Plugin);
