//! Bytes in both directions after upstream has agreed to switch protocols (RFC 9110 §7.8).

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

/// Joins both connections until either side ends. What passes is not looked at.
pub fn spawn(downstream: OnUpgrade, upstream: OnUpgrade) {
    tokio::spawn(async move {
        let (downstream, upstream) = match tokio::try_join!(downstream, upstream) {
            Ok(both) => both,
            Err(error) => return tracing::debug!(%error, "switch protocols"),
        };
        let (mut downstream, mut upstream) = (TokioIo::new(downstream), TokioIo::new(upstream));
        // An end by reset is the usual end of a WebSocket whose page was closed.
        if let Err(error) = tokio::io::copy_bidirectional(&mut downstream, &mut upstream).await {
            tracing::debug!(%error, "tunnel ended");
        }
    });
}
