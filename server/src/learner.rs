//! Turns exchanges into contract changes, beside the traffic and never in its way.
//!
//! Two threads. The intake redacts, makes the row of the traffic list and passes the exchange on; the learner learns it and,
//! when it is quiet or has waited long enough, computes contract and behaviour anew, stores, and swaps the snapshot.
//! Exchanges count as learned only after that, so "nothing pending" means that the twin knows all of it.

pub mod convert;
mod decode;
pub mod edit;
pub mod import;
mod intake;
pub mod parcel;
mod templates;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use understudy_contract::import::{declared_template, without_outweighed};
use understudy_contract::twin::{Behaviour, Echoes, Journal};
use understudy_contract::{Contract, Exchange, Model, Rules};
use understudy_types::TrafficRow;

use intake::Parked;
pub use intake::{Inbox, Intake};
use templates::Templates;

use crate::exchanges::cost;
use crate::handles::Handles;
use crate::store::Batch;

/// So long nothing must come before the work on the snapshot begins: calls often come in bursts.
const QUIET: Duration = Duration::from_millis(40);
/// A busy learner publishes this often.
const LATEST: Duration = Duration::from_millis(500);
/// Computing the snapshot may take this share of the time at most: one part in five when calls pause, because then somebody
/// may wait for what they have taught, one in twenty while they go on, up to a wait that a person would notice.
const REST_PER_WORK: u32 = 4;
const REST_PER_WORK_WHILE_BUSY: u32 = 19;
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Rows that wait to be written; more come together only while the disk or the computing is slower than the traffic for seconds.
const MAX_ROWS_WAITING: usize = 50_000;
/// Recorded exchanges of so many bytes are written before the next publication.
const MAX_RECORDED_WAITING_BYTES: usize = 8 << 20;
/// Batches between the two threads. The intake waits when it is full, and then the queue in front of it fills up and sheds.
const BETWEEN: usize = 4;

/// Rows and exchanges on their way from the intake.
enum Item {
    Learn(Box<Exchange>, Shown),
    Show(Shown),
    Edit(Box<edit::Request>),
}

/// What people get to see of an exchange.
struct Shown {
    row: TrafficRow,
    /// With header fields and bodies; not of what a document declares.
    exchange: Option<Arc<Exchange>>,
}

/// What was learned so far, as the store gave it back.
#[derive(Debug, Default)]
pub struct Knowledge {
    pub model: Model,
    pub rules: Rules,
    pub journal: Journal,
    /// What the journal need not hear again.
    pub echoes: Echoes,
    /// The id of the newest exchange that was learned.
    pub newest: u64,
}

/// Both threads. They end after [`Intake::close`].
#[derive(Debug)]
pub struct Learner {
    threads: Vec<JoinHandle<()>>,
}

impl Learner {
    pub fn spawn(handles: &Arc<Handles>, inbox: Inbox, knowledge: Knowledge) -> std::io::Result<Self> {
        let (batches, between) = std::sync::mpsc::sync_channel(BETWEEN);
        let (intake, learner) = (Arc::clone(handles), Arc::clone(handles));
        let spawn =
            |name: &str, work: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name(name.into()).spawn(work);
        let threads = vec![
            spawn(
                "understudy-intake",
                Box::new(move || {
                    give_way();
                    intake::run(&intake, &inbox, &batches);
                }),
            )?,
            spawn(
                "understudy-learner",
                Box::new(move || {
                    give_way();
                    run(&learner, &between, knowledge);
                }),
            )?,
        ];
        Ok(Self { threads })
    }

    /// Waits until everything that was offered is learned and stored. The intake must have been closed.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the learner panicked; see above");
            }
        }
    }
}

/// Lets the threads that serve requests go first where there are more of all than cores. Linux gives each thread a priority of
/// its own; elsewhere it would be the whole process's, and is left alone.
pub fn give_way() {
    /// About a tenth of what a thread of the usual priority gets beside it.
    #[cfg(target_os = "linux")]
    const NICE: i32 = 10;
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "lower the priority of a thread");
    }
}

/// Until when the learner computes no snapshot.
struct Rest {
    when_quiet: Instant,
    while_busy: Instant,
}

impl Rest {
    /// After work that began at `began` and ends now.
    fn after(began: Instant) -> Self {
        let (now, work) = (Instant::now(), began.elapsed());
        let when_quiet = work * REST_PER_WORK;
        let while_busy = (work * REST_PER_WORK_WHILE_BUSY).min(LONGEST_REST).max(when_quiet);
        Self { when_quiet: now + when_quiet, while_busy: now + while_busy }
    }
}

/// Learned but not yet published.
#[derive(Default)]
struct Unpublished {
    since: Option<Instant>,
    learned: u64,
    /// People changed the rules.
    edited: bool,
    /// Something was said that had not been said before.
    news: bool,
    /// The ids of what is in the journal and not yet in the file.
    exchanges: BTreeSet<u64>,
    traffic: VecDeque<TrafficRow>,
    recorded: Vec<Arc<Exchange>>,
    recorded_bytes: usize,
}

impl Unpublished {
    /// When to publish if nothing more comes, and when at the latest.
    fn due(&self, last: Instant, rest: &Rest) -> Option<(Instant, Instant)> {
        let latest = (self.since? + LATEST).max(rest.while_busy);
        Some(((last + QUIET).max(rest.when_quiet).min(latest), latest))
    }

    fn show(&mut self, shown: Shown) {
        if self.traffic.len() >= MAX_ROWS_WAITING {
            self.traffic.pop_front();
        }
        self.traffic.push_back(shown.row);
        self.recorded_bytes += shown.exchange.as_deref().map_or(0, cost);
        self.recorded.extend(shown.exchange);
    }

    /// What people get to see does not have to wait for what is computed.
    fn record(&mut self, handles: &Handles) {
        if let Err(error) = handles.store.save(self.shown()) {
            tracing::error!(%error, "store recorded traffic");
        }
    }

    fn shown(&mut self) -> Batch {
        self.recorded_bytes = 0;
        let (traffic, recorded) = (std::mem::take(&mut self.traffic).into(), std::mem::take(&mut self.recorded));
        Batch { traffic, recorded, ..Batch::default() }
    }

    /// What has to be written. Exchanges that left the journal meanwhile are of no use to anyone.
    fn batch(&mut self, journal: &Journal) -> Batch {
        let fresh = std::mem::take(&mut self.exchanges);
        let exchanges = journal.exchanges().filter(|exchange| fresh.contains(&exchange.id)).cloned().collect();
        Batch { exchanges, ..self.shown() }
    }
}

fn run(handles: &Handles, batches: &Receiver<Vec<Parked>>, mut knowledge: Knowledge) {
    let mut unpublished = Unpublished::default();
    let mut templates = Templates::new(handles.plugins.current());
    templates.recall(handles, &knowledge.journal);
    let mut rest = Rest::after(Instant::now());
    loop {
        let last = Instant::now();
        let due = unpublished.due(last, &rest);
        let batch = match due {
            None => batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some((quiet, _)) => batches.recv_timeout(quiet.saturating_duration_since(last)),
        };
        let publish_now = match batch {
            Ok(batch) => {
                for (item, place) in batch {
                    let began = Instant::now();
                    take(handles, item, &mut knowledge, &mut templates, &mut unpublished);
                    slow_down(handles, began);
                    drop(place);
                }
                if unpublished.recorded_bytes >= MAX_RECORDED_WAITING_BYTES {
                    unpublished.record(handles);
                }
                due.is_some_and(|(_, latest)| Instant::now() >= latest)
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => return publish(handles, &knowledge, &mut unpublished),
        };
        if publish_now {
            let began = Instant::now();
            publish(handles, &knowledge, &mut unpublished);
            templates.tell(handles);
            slow_down(handles, began);
            rest = Rest::after(began);
        }
    }
}

fn take(
    handles: &Handles,
    item: Item,
    knowledge: &mut Knowledge,
    templates: &mut Templates,
    unpublished: &mut Unpublished,
) {
    if !matches!(item, Item::Edit(_)) {
        unpublished.since.get_or_insert_with(Instant::now);
    }
    match item {
        Item::Learn(exchange, shown) => {
            let declared = declared_template(&exchange);
            let template = declared.as_deref().or_else(|| templates.of(&handles.plugins, &exchange.request));
            handles.watchdog.observe(&handles.snapshot.load().contract, &exchange);
            knowledge.model.learn_under(&exchange, template, &knowledge.rules);
            unpublished.learned += 1;
            unpublished.show(shown);
            knowledge.newest = knowledge.newest.max(exchange.id);
            if !knowledge.echoes.is_echo(&exchange) {
                unpublished.news = true;
                unpublished.exchanges.insert(exchange.id);
                knowledge.journal.push(*exchange);
            }
        }
        Item::Show(shown) => unpublished.show(shown),
        Item::Edit(request) => edit(handles, *request, knowledge, unpublished),
    }
}

/// Makes the learner so many times slower, to see what happens when it cannot keep up. At the end nobody waits for that.
fn slow_down(handles: &Handles, began: Instant) {
    let factor = handles.config.learner_slowdown;
    if factor > 1 && !handles.intake.is_closing() {
        std::thread::sleep(began.elapsed() * (factor - 1));
    }
}

/// What people decide holds when they are answered.
fn edit(handles: &Handles, request: edit::Request, knowledge: &mut Knowledge, unpublished: &mut Unpublished) {
    let outcome = edit::apply(&handles.store, &request, knowledge);
    if outcome.as_ref().is_ok_and(|outcome| !outcome.preview) {
        unpublished.edited = true;
        publish(handles, knowledge, unpublished);
    }
    request.answer(outcome);
}

/// How the API behaves. What a document declared steps back where the API itself was seen.
pub(crate) fn mine(journal: &Journal, contract: &Contract) -> Behaviour {
    match without_outweighed(journal, contract) {
        Some(kept) => Behaviour::mine(&kept, contract),
        None => Behaviour::mine(journal, contract),
    }
}

fn has_same_endpoints(a: &Contract, b: &Contract) -> bool {
    a.endpoints().iter().map(|endpoint| &endpoint.id).eq(b.endpoints().iter().map(|endpoint| &endpoint.id))
}

/// Computes, swaps, stores; then, and not before, the exchanges count as learned.
fn publish(handles: &Handles, knowledge: &Knowledge, unpublished: &mut Unpublished) {
    let learned = std::mem::take(&mut unpublished.learned);
    let edited = std::mem::take(&mut unpublished.edited);
    let news = std::mem::take(&mut unpublished.news);
    unpublished.since = None;
    let mut batch = unpublished.batch(&knowledge.journal);
    if learned > 0 || edited {
        let contract = Arc::new(knowledge.model.contract_under(&knowledge.rules));
        // Echoes move counts, and the twin goes on as it was. Mining is by far the dearest part.
        let known = handles.snapshot.load_full();
        let same = !news && !edited && has_same_endpoints(&known.contract, &contract);
        let behaviour = if same { Arc::clone(&known.behaviour) } else { Arc::new(mine(&knowledge.journal, &contract)) };
        if edited {
            handles.set_rules(&knowledge.rules);
        }
        handles.watchdog.adopt(&contract);
        handles.publish(&contract, &behaviour, knowledge.newest);
        batch.model = Some(knowledge.model.encode());
        batch.oldest_exchange = knowledge.journal.oldest();
    }
    batch.watchdog = handles.watchdog.due(handles.intake.is_closing());
    if let Err(error) = handles.store.save(batch) {
        // What was learned stays in memory, and the next batch brings the whole model again.
        tracing::error!(%error, learned, "store what was learned");
    }
    handles.stats.learned(learned);
}
