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

use crate::proxy::upstream::Client;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Ends its threads, and what still runs on them, when it is dropped.
#[derive(Debug)]
pub struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    jobs: mpsc::UnboundedSender<Job>,
    client: Arc<Client>,
    /// Every connection of this thread holds one.
    load: Arc<()>,
}

impl Workers {
    /// One for each core. The threads are to be joined once this is dropped.
    pub fn start(client: &Client) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let (jobs, mut inbox) = mpsc::unbounded_channel::<Job>();
            let work = async move {
                while let Some(job) = inbox.recv().await {
                    tokio::spawn(job);
                }
            };
            let thread = thread::Builder::new().name(format!("understudy-net-{number}"));
            threads.push(thread.spawn(move || runtime.block_on(work))?);
            workers.push(Worker { jobs, client: Arc::new(client.sibling()), load: Arc::default() });
        }
        Ok((Self(workers), threads))
    }

    /// Hands a connection to the thread that has the fewest. `serve` gets it there, with that thread's client.
    pub(super) fn serve<F>(&self, socket: TcpStream, serve: impl FnOnce(TcpStream, Arc<Client>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(worker) = self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.load)) else { return };
        let (client, load) = (Arc::clone(&worker.client), Arc::clone(&worker.load));
        // A socket belongs to the runtime that waits for it.
        let Ok(socket) = socket.into_std() else { return };
        let job = async move {
            match TcpStream::from_std(socket) {
                Ok(socket) => serve(socket, client).await,
                Err(error) => tracing::warn!(%error, "take over a connection"),
            }
            drop(load);
        };
        // Its thread ends after us only.
        let _ = worker.jobs.send(Box::pin(job));
    }
}
