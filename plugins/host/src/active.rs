//! A plugin that can be asked: one compiled file and its instances.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap};

use crate::bindings::chaos_policy::{self, Fault};
use crate::bindings::drift_policy::{Finding, Verdict};
use crate::bindings::generator::Field;
use crate::bindings::redactor::Message;
use crate::bindings::responder::exports::understudy::plugin::responder::Interest as Wanted;
use crate::bindings::responder::{self, Request, Response};
use crate::guest::{About, Guest};
use crate::hooks::{HookIndices, Hooks};
use crate::interest::{Interest, Interests, Question};
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::runtime::{INSTANCES_PER_PLUGIN, Runtime};
use crate::tally::Tally;
use crate::{Hook, Limits, image, template};

/// A request is not held back for longer.
const LONGEST_DELAY_MS: u32 = 60_000;

pub(crate) struct Active {
    pub(crate) about: Arc<About>,
    pub(crate) tally: Tally,
    pub(crate) loaded: Loaded,
    runtime: Arc<Runtime>,
    component: InstancePre<Guest>,
    hooks: HookIndices,
    /// An instance is used again until it fails; then its memory is not to be trusted, and the next call gets a new one.
    instances: Pool<Instance>,
    interests: Interests,
}

/// What it took to get it ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loaded {
    pub(crate) took: Duration,
    /// It was compiled before.
    pub(crate) from_cache: bool,
}

struct Instance {
    store: Store<Guest>,
    hooks: Hooks,
}

/// What a hook gave: the outer error is the engine's, the inner one says why the answer is not valid.
type Answer<A> = wasmtime::Result<Result<A, String>>;

impl Active {
    /// Decoders and compilers are big, and the file may be anything: a panic in them must not take the server along.
    pub(crate) fn load(bytes: &[u8], runtime: &Arc<Runtime>, about: &Arc<About>) -> Result<Self, Refusal> {
        catch_unwind(AssertUnwindSafe(|| Self::new(bytes, Arc::clone(runtime), Arc::clone(about))))
            .unwrap_or(Err(Refusal::LoaderPanic))
    }

    fn new(bytes: &[u8], runtime: Arc<Runtime>, about: Arc<About>) -> Result<Self, Refusal> {
        let (began, hits) = (Instant::now(), runtime.cache_hits());
        let component = runtime.prepare(&image::component(bytes)?)?;
        let from_cache = runtime.cache_hits() > hits;
        let hooks = HookIndices::find(&component)?;
        let first = {
            let _running = runtime.ticker.running();
            let ticks = runtime.deadline_ticks;
            Instance::start(&runtime, &component, &hooks, &about, ticks).map_err(Refusal::Start)?
        };
        Ok(Self {
            instances: Pool::new(INSTANCES_PER_PLUGIN, first),
            loaded: Loaded { took: began.elapsed(), from_cache },
            tally: Tally::default(),
            interests: Interests::new(),
            runtime,
            about,
            component,
            hooks,
        })
    }

    pub(crate) fn has(&self, hook: Hook) -> bool {
        self.hooks.has(hook)
    }

    pub(crate) fn is_switched_off(&self) -> bool {
        self.tally.is_to_blame(self.runtime.limits.failures_in_a_row)
    }

    pub(crate) fn normalize(&self, method: &str, segments: &[String]) -> Option<Vec<String>> {
        self.fits(method.len() + segments.iter().map(String::len).sum::<usize>())?;
        self.call(Hook::Normalizer, |store, hooks| {
            let Some(hook) = &hooks.normalizer else { return Ok(Ok(None)) };
            let answer = hook.understudy_plugin_normalizer().call_normalize(store, method, segments)?;
            Ok(answer.map(|template| template::check(segments, template)).transpose())
        })?
    }

    pub(crate) fn generate(&self, field: &Field) -> Option<serde_json::Value> {
        let siblings: usize = field.siblings.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.fits(field.schema.len() + field.pointer.len() + field.template.len() + siblings)?;
        self.call(Hook::Generator, |store, hooks| {
            let Some(hook) = &hooks.generator else { return Ok(Ok(None)) };
            let Some(text) = hook.understudy_plugin_generator().call_generate(store, field)? else {
                return Ok(Ok(None));
            };
            Ok(serde_json::from_str(&text).map(Some).map_err(|error| format!("it answered no JSON: {error}")))
        })?
    }

    /// A failure is no answer that could be kept.
    pub(crate) fn interest(&self, question: Question, method: &str, path: &str) -> Interest {
        if let Some(known) = self.interests.get(question) {
            return known;
        }
        let asked = self.ask_interest(method, path);
        if let Some(interest) = asked {
            self.interests.put(question, interest);
        }
        asked.unwrap_or_default()
    }

    fn ask_interest(&self, method: &str, path: &str) -> Option<Interest> {
        self.fits(method.len() + path.len())?;
        let mut interest = Interest::default();
        if self.has(Hook::ChaosPolicy) {
            interest.chaos = self.call(Hook::ChaosPolicy, |store, hooks| {
                let Some(hook) = &hooks.chaos_policy else { return Ok(Ok(false)) };
                hook.understudy_plugin_chaos_policy().call_concerns(store, method, path).map(Ok)
            })?;
        }
        if self.has(Hook::Responder) {
            let wanted = self.call(Hook::Responder, |store, hooks| {
                let Some(hook) = &hooks.responder else { return Ok(Ok(Wanted::empty())) };
                hook.understudy_plugin_responder().call_concerns(store, method, path).map(Ok)
            })?;
            interest.request = wanted.contains(Wanted::REQUEST);
            interest.response = wanted.contains(Wanted::RESPONSE);
        }
        Some(interest)
    }

    pub(crate) fn decide(&self, request: &chaos_policy::Request) -> Option<Fault> {
        self.fits(request.target.len())?;
        self.call(Hook::ChaosPolicy, |store, hooks| {
            let Some(hook) = &hooks.chaos_policy else { return Ok(Ok(None)) };
            let fault = hook.understudy_plugin_chaos_policy().call_decide(store, request)?;
            Ok(fault.map(check_fault).transpose())
        })?
    }

    /// `None` when it could not be asked, which is not the same as having found nothing.
    pub(crate) fn redact(&self, message: &Message) -> Option<Vec<u32>> {
        self.call(Hook::Redactor, |store, hooks| {
            let Some(hook) = &hooks.redactor else { return Ok(Ok(Vec::new())) };
            let found = hook.understudy_plugin_redactor().call_redact(store, message)?;
            let texts = message.texts.len();
            let beyond = found.iter().find(|index| **index as usize >= texts);
            Ok(match beyond {
                Some(index) => Err(format!("it answered index {index} of {texts} texts")),
                None => Ok(found),
            })
        })
    }

    pub(crate) fn judge(&self, finding: &Finding) -> Option<Verdict> {
        self.call(Hook::DriftPolicy, |store, hooks| {
            let Some(hook) = &hooks.drift_policy else { return Ok(Ok(None)) };
            hook.understudy_plugin_drift_policy().call_judge(store, finding).map(Ok)
        })?
    }

    pub(crate) fn on_request(&self, request: &Request) -> Option<Response> {
        self.fits(size_of_message(&request.headers, &request.body) + request.target.len())?;
        self.call(Hook::Responder, |store, hooks| {
            let Some(hook) = &hooks.responder else { return Ok(Ok(None)) };
            let answer = hook.understudy_plugin_responder().call_on_request(store, request)?;
            Ok(answer.map(check_response).transpose())
        })?
    }

    pub(crate) fn on_response(&self, request: &Request, response: &Response) -> Option<Response> {
        let asked = size_of_message(&request.headers, &request.body) + request.target.len();
        self.fits(asked + size_of_message(&response.headers, &response.body))?;
        self.call(Hook::Responder, |store, hooks| {
            let Some(hook) = &hooks.responder else { return Ok(Ok(None)) };
            let answer = hook.understudy_plugin_responder().call_on_response(store, request, response)?;
            Ok(answer.map(check_response).transpose())
        })?
    }

    fn fits(&self, bytes: usize) -> Option<()> {
        (bytes <= self.runtime.limits.input_bytes).then_some(())
    }

    /// What a hook answers; none when it is switched off or failed.
    fn call<A>(&self, hook: Hook, ask: impl FnOnce(&mut Store<Guest>, &Hooks) -> Answer<A>) -> Option<A> {
        if self.is_switched_off() {
            return None;
        }
        let began = self.tally.begin();
        match self.run(hook, ask) {
            Ok(answer) => {
                self.tally.succeeded(began);
                Some(answer)
            }
            Err(error) => {
                let (plugin, version) = (&self.about.name, self.about.version());
                tracing::warn!(plugin, version, hook = hook.as_str(), error, "plugin call failed");
                self.tally.failed(began, error);
                if self.is_switched_off() {
                    tracing::error!(plugin, version, "plugin switched off: too many of its calls failed");
                }
                None
            }
        }
    }

    fn run<A>(&self, hook: Hook, ask: impl FnOnce(&mut Store<Guest>, &Hooks) -> Answer<A>) -> Result<A, String> {
        let mut place = self.instances.take();
        let runtime = &self.runtime;
        let _running = runtime.ticker.running();
        let on_the_way = hook.is_on_the_way();
        let ticks = if on_the_way { runtime.deadline_ticks_on_the_way } else { runtime.deadline_ticks };
        let mut instance = match place.item.take() {
            Some(instance) => instance,
            None => Instance::start(runtime, &self.component, &self.hooks, &self.about, ticks)?,
        };
        instance.store.data_mut().begin_call(ticks);
        instance.store.set_epoch_deadline(ticks);
        let answer = match ask(&mut instance.store, &instance.hooks) {
            Ok(answer) => answer,
            Err(error) => return Err(explain(&error, instance.store.data_mut(), &runtime.limits, on_the_way)),
        };
        place.item = Some(instance);
        answer
    }
}

impl Instance {
    fn start(
        runtime: &Runtime,
        component: &InstancePre<Guest>,
        hooks: &HookIndices,
        about: &Arc<About>,
        ticks: u64,
    ) -> Result<Self, String> {
        let mut guest = Guest::new(Arc::clone(about), &runtime.limits);
        guest.begin_call(ticks);
        let mut store = Store::new(&runtime.engine, guest);
        store.limiter(|guest| guest);
        store.set_hostcall_fuel(runtime.limits.output_bytes);
        store.epoch_deadline_callback(|mut store| store.data_mut().half_time());
        store.set_epoch_deadline(ticks);
        let hooks = component.instantiate(&mut store).and_then(|instance| hooks.load(&mut store, &instance));
        match hooks {
            Ok(hooks) => Ok(Self { store, hooks }),
            Err(error) => {
                let on_the_way = ticks == runtime.deadline_ticks_on_the_way;
                Err(explain(&error, store.data_mut(), &runtime.limits, on_the_way))
            }
        }
    }
}

fn size_of_message(headers: &[(String, String)], body: &[u8]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + body.len()
}

fn check_fault(fault: Fault) -> Result<Fault, String> {
    match &fault {
        Fault::Delay(millis) if *millis > LONGEST_DELAY_MS => {
            Err(format!("it asked for a delay of {millis} ms, and {LONGEST_DELAY_MS} is the most"))
        }
        Fault::Abort(abort) if !(400..600).contains(&abort.status) => {
            Err(format!("it asked to abort with {}, which is not from 400 to 599", abort.status))
        }
        _ => Ok(fault),
    }
}

fn check_response(response: responder::Response) -> Result<responder::Response, String> {
    if (200..600).contains(&response.status) {
        return Ok(response);
    }
    Err(format!("it answered the status {}, which is not from 200 to 599", response.status))
}

/// Says in words what ended a call, with the plugin's own last words when it had any.
fn explain(error: &wasmtime::Error, guest: &mut Guest, limits: &Limits, on_the_way: bool) -> String {
    let deadline = if on_the_way { limits.deadline_on_the_way } else { limits.deadline };
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => format!("it ran longer than its {} ms", deadline.as_millis()),
        Some(Trap::StackOverflow) => format!("it used up its call stack of {} KiB", limits.stack_bytes >> 10),
        Some(trap) => format!("it trapped: {trap}"),
        None => format!("{error:#}"),
    };
    match guest.take_complaint() {
        Some(complaint) => format!("{what}; it said: {complaint}"),
        None => what,
    }
}
