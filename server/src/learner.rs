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
use crate::store::{Batch, Unsaved};
use crate::vitals::Part;

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
/// What people get to see is written this soon, whether there is a publication or not.
const SHOWN_WITHIN: Duration = Duration::from_millis(300);
/// What could not be written is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);
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
                    let alive = intake.store.vitals().watch(Part::Intake);
                    intake::run(&intake, &inbox, &batches);
                    alive.end();
                }),
            )?,
            spawn(
                "understudy-learner",
                Box::new(move || {
                    give_way();
                    let alive = learner.store.vitals().watch(Part::Learner);
                    run(&learner, &between, knowledge);
                    alive.end();
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
    /// Published, and not in the file yet.
    unstored: u64,
    /// The file could not be written; when to try again. Rows alone are tried first: they cost no computing.
    retry: Option<Instant>,
    /// The next publication has to bring all that there is.
    is_owed: bool,
    /// When what people get to see was written last.
    shown: Option<Instant>,
}

impl Unpublished {
    /// When to publish if nothing more comes, and when at the latest.
    fn due(&self, last: Instant, rest: &Rest) -> Option<(Instant, Instant)> {
        let latest = (self.since? + LATEST).max(rest.while_busy);
        Some(((last + QUIET).max(rest.when_quiet).min(latest), latest))
    }

    /// When what people get to see is written, whether there is a publication or not: a crash loses no more than that.
    fn show_by(&self) -> Option<Instant> {
        if self.retry.is_some() || self.traffic.is_empty() {
            return self.retry;
        }
        let is_much = self.recorded_bytes >= MAX_RECORDED_WAITING_BYTES;
        Some(if is_much { Instant::now() } else { self.shown.or(self.since)? + SHOWN_WITHIN })
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
        let (since, saved) = (Instant::now(), handles.store.save(self.shown()));
        (self.shown, self.retry) = (Some(since), None);
        match saved {
            Ok(()) if self.is_owed => drop(self.since.get_or_insert(since)),
            Ok(()) => {}
            Err(unsaved) => self.take_back(*unsaved),
        }
    }

    /// What could not be written waits for the next try, as far as there is room.
    fn take_back(&mut self, Unsaved { error, batch }: Unsaved) {
        tracing::debug!(%error, "store what was learned; it is tried again");
        (self.retry, self.is_owed) = (Some(Instant::now() + RETRY), true);
        self.exchanges.extend(batch.exchanges.iter().map(|exchange| exchange.id));
        let mut rows = VecDeque::from(batch.traffic);
        rows.append(&mut self.traffic);
        rows.drain(..rows.len().saturating_sub(MAX_ROWS_WAITING));
        self.traffic = rows;
        let newer = std::mem::replace(&mut self.recorded, batch.recorded);
        self.recorded.extend(newer);
        let mut bytes: usize = self.recorded.iter().map(|exchange| cost(exchange)).sum();
        let too_old = self.recorded.iter().take_while(|exchange| {
            let is_too_much = bytes > MAX_RECORDED_WAITING_BYTES;
            bytes -= if is_too_much { cost(exchange) } else { 0 };
            is_too_much
        });
        let too_old = too_old.count();
        self.recorded.drain(..too_old);
        self.recorded_bytes = bytes;
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
        let batch = match (due, unpublished.show_by()) {
            (None, None) => batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
            (due, show_by) => {
                let next = due.map(|(quiet, _)| quiet).into_iter().chain(show_by).min().unwrap_or(last);
                batches.recv_timeout(next.saturating_duration_since(last))
            }
        };
        let publish_now = match batch {
            Ok(batch) => {
                for (item, place) in batch {
                    let began = Instant::now();
                    let (is_learned, before) = (matches!(item, Item::Learn(..)), unpublished.learned);
                    let work = || take(handles, item, &mut knowledge, &mut templates, &mut unpublished);
                    if handles.store.vitals().guard(Part::Learner, work).is_none() {
                        unpublished.learned = before + u64::from(is_learned);
                        begin_anew(handles, &mut knowledge, &mut unpublished);
                    }
                    slow_down(handles, began);
                    drop(place);
                }
                due.is_some_and(|(_, latest)| Instant::now() >= latest)
            }
            Err(RecvTimeoutError::Timeout) => due.is_some_and(|(quiet, _)| Instant::now() >= quiet),
            Err(RecvTimeoutError::Disconnected) => {
                return guarded(handles, &mut knowledge, &mut unpublished, publish);
            }
        };
        if publish_now {
            let began = Instant::now();
            guarded(handles, &mut knowledge, &mut unpublished, publish);
            templates.tell(handles);
            slow_down(handles, began);
            rest = Rest::after(began);
        } else if unpublished.show_by().is_some_and(|by| Instant::now() >= by) {
            unpublished.record(handles);
        }
    }
}

/// Does work of the learner that must not end it.
fn guarded(
    handles: &Handles,
    knowledge: &mut Knowledge,
    unpublished: &mut Unpublished,
    work: impl FnOnce(&Handles, &Knowledge, &mut Unpublished),
) {
    let before = (unpublished.learned, unpublished.unstored);
    if handles.store.vitals().guard(Part::Learner, || work(handles, knowledge, unpublished)).is_none() {
        (unpublished.learned, unpublished.unstored) = before;
        begin_anew(handles, knowledge, unpublished);
    }
}

/// After a panic nobody knows what is half done: what the file holds takes the place of what was learned since, which is let go
/// and counted.
fn begin_anew(handles: &Handles, knowledge: &mut Knowledge, unpublished: &mut Unpublished) {
    handles.stats.shed_more(unpublished.learned + unpublished.unstored);
    let Unpublished { traffic, recorded, recorded_bytes, retry, is_owed, shown, .. } = std::mem::take(unpublished);
    *unpublished = Unpublished { traffic, recorded, recorded_bytes, retry, is_owed, shown, ..Unpublished::default() };
    // Rows and, from what is known now, the snapshot.
    (unpublished.since, unpublished.edited) = (Some(Instant::now()), true);
    match handles.store.recall() {
        Ok((model, rules, exchanges)) => {
            let mut journal = Journal::default();
            exchanges.into_iter().for_each(|exchange| journal.push(exchange));
            *knowledge = Knowledge { model, rules, journal, newest: knowledge.newest, ..Knowledge::default() };
        }
        Err(error) => tracing::error!(%error, "read again what was learned: expected a project file"),
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
    let again = std::mem::take(&mut unpublished.is_owed);
    (unpublished.since, unpublished.shown, unpublished.retry) = (None, None, None);
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
    }
    if learned > 0 || edited || again {
        batch.model = Some(knowledge.model.encode());
        batch.oldest_exchange = knowledge.journal.oldest();
    }
    batch.watchdog = handles.watchdog.due(again || handles.intake.is_closing());
    unpublished.unstored += learned;
    match handles.store.save(batch) {
        Ok(()) => handles.stats.learned(std::mem::take(&mut unpublished.unstored)),
        // What was learned stays in memory, and the next try brings the whole model again.
        Err(unsaved) => unpublished.take_back(*unsaved),
    }
}
