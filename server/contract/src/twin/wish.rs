//! Answers that somebody asked for: with a certain status, or one of those recorded.

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::replay;
use super::behaviour::{Behaviour, Sample};
use super::generate::Generator;
use super::told::answer;
use super::trace::Call;
use super::value::hash;
use super::world::State;
use super::{Answer, Context, Refusal};
use crate::{Contract, Endpoint, Headers, Request};

/// How far an answer of a wished kind carries: as this endpoint gave it; of the learned shape; as another endpoint gave
/// it; made up.
const RECORDED: f64 = 0.9;
const SHAPED: f64 = 0.5;
const BORROWED: f64 = 0.3;
const MADE_UP: f64 = 0.1;

/// What the client, or a person for it, wants the answer to be. The empty wish leaves the twin as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// 200 to 599.
    pub status: Option<u16>,
    /// The id of an [`Example`](super::Example).
    pub example: Option<String>,
}

/// An answer, and whether it is what was wished for. A status always can be had; an example only while it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct Granted {
    pub answer: Answer,
    pub status: bool,
    pub example: bool,
}

/// Answers one request as wished. A wished answer that the twin would not have given by itself changes no state.
pub fn answer_as(
    contract: &Contract,
    behaviour: &Behaviour,
    state: &mut State,
    request: &Request,
    context: &Context<'_>,
    wish: &Wish,
) -> Result<Granted, Refusal> {
    let hit = contract.find_request(request);
    let endpoint = hit.as_ref().map(|hit| hit.endpoint);
    let params = hit.iter().flat_map(|hit| &hit.parameters).map(|(_, value)| value.clone().into_owned()).collect();
    let call = Call::read(request, params, context.now_ms, &behaviour.carriers);
    if let Some(id) = &wish.example
        && let Some(sample) = endpoint.and_then(|endpoint| behaviour.sample(&endpoint.id.0, id))
        && wish.status.is_none_or(|status| status == sample.status)
    {
        let answer = told(replay(sample, &call), RECORDED, format!("example {id}"));
        return Ok(Granted { answer, status: wish.status.is_some(), example: true });
    }
    let Some(status) = wish.status else {
        let answer = answer(contract, behaviour, state, request, context)?;
        return Ok(Granted { answer, status: false, example: false });
    };
    let mut trial = state.clone();
    if let Ok(answer) = answer(contract, behaviour, &mut trial, request, context)
        && answer.status == status
    {
        *state = trial;
        return Ok(Granted { answer, status: true, example: false });
    }
    let answer = of_status(behaviour, endpoint, &call, status, context);
    Ok(Granted { answer, status: true, example: false })
}

fn of_status(
    behaviour: &Behaviour,
    endpoint: Option<&Endpoint>,
    call: &Call,
    status: u16,
    context: &Context<'_>,
) -> Answer {
    let rule = endpoint.and_then(|endpoint| behaviour.rule(&endpoint.id.0, call));
    if let Some(sample) = rule.and_then(|rule| recorded(rule, status)) {
        return told(replay(sample, call), RECORDED, format!("asked for status {status}, as it was recorded here"));
    }
    if let Some(answer) = endpoint.and_then(|endpoint| shaped(endpoint, call, status, context)) {
        return answer;
    }
    if let Some(sample) = elsewhere(behaviour, status) {
        let reason = format!("asked for status {status}, as {} answers", sample.call.path);
        return told(replay(sample, call), BORROWED, reason);
    }
    made_up(status)
}

fn told(answer: Answer, confidence: f64, reason: String) -> Answer {
    Answer { confidence, reason, ..answer }
}

fn recorded(rule: &super::behaviour::Rule, status: u16) -> Option<&Sample> {
    let refusals = rule.refusals.iter().map(|refusal| &refusal.sample);
    rule.samples.iter().chain(refusals).find(|sample| sample.status == status)
}

/// Of the learned shape, for a status whose exchanges are in the journal no more.
fn shaped(endpoint: &Endpoint, call: &Call, status: u16, context: &Context<'_>) -> Option<Answer> {
    let response = endpoint.responses().find(|response| response.status == status)?;
    let (mut headers, mut bytes) = (Headers::default(), Bytes::new());
    if let Some(body) = response.bodies.iter().find(|body| body.has_schema()) {
        headers.0.push(("content-type".to_owned(), body.media_type.to_owned()));
        // What was said is better than what might have been.
        let said = body.sample().map(|text| Bytes::copy_from_slice(text.as_bytes()));
        bytes = said.unwrap_or_else(|| {
            let seed = hash(&[&call.path, &context.seed.to_string()]);
            let maker = context.maker(endpoint, &[&call.path]);
            let value = Generator::new(seed, context.now_ms).asking(maker).value(&body.schema(), "");
            serde_json::to_vec(&value).unwrap_or_default().into()
        });
    }
    let reason = format!("asked for status {status}, of the learned shape");
    Some(Answer { status, headers, body: bytes, confidence: SHAPED, reason })
}

/// Errors look alike all over an API; good answers do not.
fn elsewhere(behaviour: &Behaviour, status: u16) -> Option<&Sample> {
    if status < 400 {
        return None;
    }
    let unknown = behaviour.unknown_path.as_ref().map(|rule| &rule.sample).filter(|sample| sample.status == status);
    let mut rules: Vec<_> = behaviour.rules.iter().collect();
    rules.sort_by_key(|(id, _)| id.as_str());
    rules.into_iter().find_map(|(_, rule)| recorded(rule, status)).or(unknown)
}

fn made_up(status: u16) -> Answer {
    // RFC 9110 §15.3.5 and §15.4.5: these have no content.
    let empty = matches!(status, 204 | 205 | 304);
    let body: Value = json!({ "error": { "status": status, "message": crate::openapi::reason(status) } });
    let body = if empty { Bytes::new() } else { serde_json::to_vec(&body).unwrap_or_default().into() };
    let kind = (!empty).then(|| ("content-type".to_owned(), "application/json".to_owned()));
    let reason = format!("asked for status {status}, which was never seen");
    Answer { status, headers: Headers(kind.into_iter().collect()), body, confidence: MADE_UP, reason }
}
