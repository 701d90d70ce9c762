//! The threads that serve connections: each has a runtime of its own, so that a connection, its timers and the connections to
//! upstream that it uses stay on one thread, and nothing wakes another one.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::mpsc;

use crate::proxy::upstream::lane_count;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Ends its threads, and what still runs on them, when it is dropped.
#[derive(Debug)]
pub struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    jobs: mpsc::UnboundedSender<Job>,
    /// Every connection of this thread holds one.
    load: Arc<()>,
}

impl Workers {
    /// One for each core. The threads are to be joined once this is dropped.
    pub fn start() -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        for number in 0..lane_count() {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let (jobs, mut inbox) = mpsc::unbounded_channel::<Job>();
            let work = async move {
                while let Some(job) = inbox.recv().await {
                    tokio::spawn(job);
                }
            };
            let thread = thread::Builder::new().name(format!("understudy-net-{number}"));
            threads.push(thread.spawn(move || runtime.block_on(work))?);
            workers.push(Worker { jobs, load: Arc::default() });
        }
        Ok((Self(workers), threads))
    }

    /// Hands a connection to the thread that has the fewest. `serve` gets it there, with the number of that thread.
    pub(super) fn serve<F>(&self, socket: TcpStream, serve: impl FnOnce(TcpStream, usize) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let workers = self.0.iter().enumerate();
        let Some((lane, worker)) = workers.min_by_key(|(_, worker)| Arc::strong_count(&worker.load)) else { return };
        let load = Arc::clone(&worker.load);
        // A socket belongs to the runtime that waits for it.
        let Ok(socket) = socket.into_std() else { return };
        let job = async move {
            match TcpStream::from_std(socket) {
                Ok(socket) => serve(socket, lane).await,
                Err(error) => tracing::warn!(%error, "take over a connection"),
            }
            drop(load);
        };
        // Its thread ends after us only.
        let _ = worker.jobs.send(Box::pin(job));
    }
}
