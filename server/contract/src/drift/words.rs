//! The values of an enum that come, and those that came and stay away.
//!
//! Documents about one thing, asked for again and again, show the same value each time: only those that are about something else than
//! the last few tell something, and those of lists, where many things stand side by side.

use serde_json::{Value, json};

use super::tree::{Event, Found, Tree};

/// Looks at who is away happen once in so many documents.
const EVERY: u32 = 32;

impl Tree {
    /// A value of the enum came, by its place in it.
    pub(super) fn come(&mut self, node: u32, word: usize, found: &mut Vec<Found>) {
        let (reads, at_ms) = (self.reads, self.at_ms);
        let at = &mut self.nodes[node as usize];
        if !self.is_witness && !at.listed {
            return;
        }
        let is_first = at.witnesses.at != reads;
        if is_first {
            at.witnesses.at = reads;
            at.witnesses.count += 1;
        }
        let words = at.base.as_ref().and_then(|base| base.values.as_ref()).map_or(0, Vec::len);
        if at.returns.len() != words {
            at.returns = vec![super::returns::Returns::default(); words];
        }
        let number = at.witnesses.count;
        at.returns[word].come(number, at_ms);
        if is_first && (number.is_multiple_of(EVERY) || at.is_raised(Event::Away)) {
            self.look_for_words(node, found);
        }
    }

    fn look_for_words(&mut self, node: u32, found: &mut Vec<Found>) {
        let (number, at_ms) = (self.nodes[node as usize].witnesses.count, self.at_ms);
        let is_sure =
            self.nodes[node as usize].is_raised(Event::Away) || self.skipped == self.nodes[node as usize].skipped;
        if is_sure {
            let away = self.away(node);
            if !away.is_empty() {
                self.note(node, Event::Away, || Some(json!(away)), found);
            }
            return;
        }
        // It may have come in a document that was not read again. So they are all read, for as long as it takes.
        let skipped = self.skipped;
        let at = &mut self.nodes[node as usize];
        let mut wary = 0;
        for returns in at.returns.iter_mut().filter(|returns| returns.is_away(number, at_ms)) {
            wary = returns.wait(number, at_ms).max(wary);
        }
        if wary > 0 {
            at.skipped = skipped;
            self.wary = self.wary.max(wary.saturating_add(2 * EVERY).saturating_mul(4));
        }
    }

    /// The values that stay away, as words.
    fn away(&self, node: u32) -> String {
        let at = &self.nodes[node as usize];
        let values = at.base.as_ref().and_then(|base| base.values.as_ref());
        let all = values.into_iter().flatten().zip(&at.returns);
        let away = all.filter(|(_, returns)| returns.is_away(at.witnesses.count, self.at_ms));
        away.map(|(value, _)| &**value).collect::<Vec<_>>().join(", ")
    }

    /// They do not come any more: the enum goes on without them.
    pub(super) fn forget_words(&mut self, node: u32) {
        let (number, at_ms) = (self.nodes[node as usize].witnesses.count, self.at_ms);
        let at = &mut self.nodes[node as usize];
        let Some(values) = at.base.as_mut().and_then(|base| base.values.as_mut()) else { return };
        let is_away: Vec<bool> = at.returns.iter().map(|returns| returns.is_away(number, at_ms)).collect();
        let mut stays = is_away.iter().map(|is_away| !is_away);
        values.retain(|_| stays.next().unwrap_or(true));
        at.returns.retain(|returns| !returns.is_away(number, at_ms));
    }

    /// What its enum was, and which of the values are away.
    pub(super) fn words_before(&self, node: u32) -> Value {
        let values = self.nodes[node as usize].base.as_ref().and_then(|base| base.values.as_ref());
        values.map_or(Value::Null, |values| json!(values.join(", ")))
    }
}
