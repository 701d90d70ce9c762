//! How the API behaves, as far as the journal shows it: the rules that `mine` finds and `answer` replays.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::aliases::Aliases;
use super::cases::Cases;
use super::causes::Cause;
use super::classes::Classes;
use super::manners::Manners;
use super::paging::{Telling, UrlRule};
use super::phrase::Phrase;
use super::query::{Convention, Fields, Op};
use super::trace::{Call, Carriers, Place};
use super::value::TimeForm;
use super::world::World;

/// How the API behaves, as far as the journal shows it.
#[derive(Debug, Default)]
pub struct Behaviour {
    pub(super) classes: Classes,
    /// The entities as the journal left them.
    pub(super) world: World,
    /// Fields that hold a credential the API issues, by class.
    pub(super) token_fields: BTreeSet<(usize, String)>,
    /// What these credentials look like, by class.
    pub(super) token_forms: BTreeMap<usize, TokenForm>,
    /// Fields whose value depends on who looks.
    pub(super) viewer_fields: BTreeSet<(usize, String)>,
    pub(super) carriers: Carriers,
    pub(super) door: Door,
    pub(super) id_rules: Vec<IdRule>,
    pub(super) cases: Cases,
    /// By the id of an endpoint or of one of its cases, the number that the classes know an endpoint by.
    pub(super) endpoints: HashMap<String, usize>,
    pub(super) manners: Manners,
    pub(super) aliases: Aliases,
    /// Rows that belong to rows.
    pub(super) bonds: Vec<Bond>,
    /// By the id of an endpoint or of one of its cases.
    pub(super) rules: HashMap<String, Rule>,
    /// What the API says of a path it does not know.
    pub(super) unknown_path: Option<RefusalRule>,
    /// Methods that were only ever refused.
    pub(super) closed: Vec<Closed>,
}

/// Rows of one class belong to rows of another one, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bond {
    pub(super) parent: usize,
    pub(super) child: usize,
    /// The field of the child that names its parent.
    pub(super) field: String,
    /// Children go with their parent.
    pub(super) cascades: bool,
    pub(super) tallies: Vec<Tally>,
}

/// A field of a parent that tells how many children it has, or the sum of a field of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) field: String,
    pub(super) sum: Option<String>,
}

impl Tally {
    /// What one child adds.
    pub(super) fn weight(&self, child: &super::world::Row) -> i64 {
        let of = |field: &String| child.fields.get(field).and_then(Value::as_i64).unwrap_or(0);
        self.sum.as_ref().map_or(1, of)
    }
}

/// Everything known about one endpoint.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) place: Place,
    /// The class whose keys each path parameter takes.
    pub(super) params: Vec<Option<usize>>,
    pub(super) status: u16,
    /// The path parameter that is the status of the answer.
    pub(super) status_slot: Option<usize>,
    /// What a good call changes.
    pub(super) effect: Effect,
    /// Positions of the sample's body that are made anew.
    pub(super) parts: Vec<(Vec<String>, Part)>,
    pub(super) samples: Vec<Sample>,
    /// The newest answer to each request, of any status, newest first.
    pub(super) recorded: Vec<Sample>,
    /// The class that answers show, or else the one that the path names a row of.
    pub(super) about: Option<usize>,
    pub(super) refusals: Vec<RefusalRule>,
    /// Good calls seen.
    pub(super) support: u32,
    /// Calls that named an unknown row and were answered as if it existed.
    pub(super) open_world: u32,
    /// Members of the body that no call leaves out, where the API never said that it misses one.
    pub(super) needed: Vec<Vec<String>>,
    pub(super) headers: Vec<(String, HeaderRule)>,
    /// Credentials that good answers give out beside rows.
    pub(super) issues: Vec<Issue>,
    /// A good call ends the session it was made in.
    pub(super) ends_session: bool,
}

/// What becomes of a credential that was never seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Trust {
    /// The API gives credentials out and refuses others.
    Issued,
    /// A few are known from the start, and no other one was ever accepted.
    Fixed,
    /// Clients bring their own, and new ones were accepted.
    #[default]
    Any,
}

/// How callers are known.
#[derive(Debug, Clone, Default)]
pub(super) struct Door {
    pub(super) trust: Trust,
    pub(super) basic: Option<Basic>,
}

/// Where the name and the password of `Authorization: Basic` are kept: fields (shown or hidden) of a class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Basic {
    pub(super) class: usize,
    pub(super) name: String,
    pub(super) secret: String,
}

/// A credential in an answer.
#[derive(Debug, Clone)]
pub(super) struct Issue {
    pub(super) at: IssuedAt,
    pub(super) account: Account,
    /// An account that asks again gets the one it has.
    pub(super) repeats: bool,
    pub(super) form: TokenForm,
}

/// What credentials of one place look like.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenForm {
    /// The newest one that was given; empty when none was.
    pub(super) like: String,
    /// The claims of a JSON Web Token that are not the same in all of them.
    pub(super) claims: Vec<(Vec<String>, Part)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IssuedAt {
    /// A member of the body.
    Body(Vec<String>),
    /// A cookie of this name.
    Cookie(String),
}

/// Whose the issued credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// The row that the answer shows.
    Shown,
    /// The row whose fields equal these members of the body: `(body path, field)`.
    Named {
        class: usize,
        pairs: Vec<(Vec<String>, String)>,
    },
    /// The holder of the credential that the body has here.
    Holder(Vec<String>),
    /// The caller's own.
    Caller,
    Unknown,
}

/// One recorded answer with the call it answered.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) call: Call,
    pub(super) status: u16,
    pub(super) headers: crate::Headers,
    pub(super) body: Option<Value>,
    pub(super) raw: Bytes,
    /// Neither body of the exchange was cut.
    pub(super) whole: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum HeaderRule {
    Const(String),
    /// The number of rows before paging; `paged` says only where a page was asked for.
    Total {
        paged: bool,
    },
    /// `Link` (RFC 8288) with the pages around this one.
    Links,
    /// The URL of another page.
    Page(Box<UrlRule>),
    /// The path of the new row, with or without scheme and authority.
    Location {
        absolute: bool,
    },
    /// An entity tag over the body; weak as the API's own.
    ETag {
        weak: bool,
    },
    /// The entity tag of the row, which lasts until the row changes.
    RowTag {
        weak: bool,
    },
    /// A field of the row as an entity tag, or as it is where `quoted` is `None`.
    Field {
        field: String,
        /// Its marks: `W/"` or `"`.
        quoted: Option<String>,
    },
    /// The time in a field of the row, as HTTP writes times.
    Moment {
        field: String,
    },
    Copy(Source),
    /// A text with slots: see [`super::template`].
    Template(Value),
}

#[derive(Debug, Clone)]
pub(super) enum Effect {
    Nothing,
    Create {
        class: usize,
        plan: Plan,
    },
    Update {
        class: usize,
        selector: Selector,
        plan: Plan,
    },
    /// One write for each item of a list in the body.
    Each {
        class: usize,
        /// Where in the body the list is.
        from: Vec<String>,
        plan: Plan,
        /// Makes rows; otherwise each item names the row it changes by its key.
        creates: bool,
    },
    /// Changes or removes all the rows that a read at the same path and query lists.
    Listed {
        list: Box<ListRule>,
        plan: Plan,
        deletes: bool,
    },
    /// Creates the row that the path names, or changes it where it is there already (RFC 9110 §9.3.4).
    Put {
        class: usize,
        slot: usize,
        create: Plan,
        created_status: u16,
        update: Plan,
        updated_status: u16,
    },
    Delete {
        class: usize,
        slot: usize,
        /// What the answer shows of the row that is gone (a mark, the time), where that is not as it was.
        plan: Plan,
    },
}

/// Which row an answer is about.
#[derive(Debug, Clone)]
pub(super) enum Selector {
    /// Named by a path parameter.
    Param(usize),
    /// The account of the caller.
    Caller,
    /// The row whose fields (or hidden values) equal these members of the body: `(body path, field)`.
    Lookup(Vec<(Vec<String>, String)>),
    /// One of a kind at this path.
    Only,
    /// The first one of those that the path and the query select.
    First(Box<ListRule>),
    /// Named by a field of the row that a path parameter names: the store of a product.
    Via { slot: usize, class: usize, field: String },
}

/// How a write fills a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    /// Where in the body the row's members are.
    pub(super) wrapper: Vec<String>,
    /// By the path of the field in the row.
    pub(super) fields: Vec<(Vec<String>, FieldPlan)>,
    /// Members that were never seen are stored too, as the API stores whatever it gets.
    pub(super) open: bool,
    /// Fields that are not sent are lost.
    pub(super) replaces: bool,
}

/// Where the value of a field comes from when a row is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldPlan {
    /// Copied from this member of the payload, when it is sent.
    pub(super) sent: Option<Vec<String>>,
    /// A value that was shown: a form sends texts, the row has numbers and truths.
    pub(super) like: Option<Value>,
    /// The members sent are added to those that are there.
    pub(super) merges: bool,
    pub(super) otherwise: Otherwise,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Otherwise {
    /// Stays as it was; on creation, is not there.
    Keep,
    Const(Value),
    /// A path parameter, as text or as a number.
    Param {
        slot: usize,
        number: bool,
    },
    /// The time of the write, or so long after it.
    Now {
        form: TimeForm,
        offset_ms: i64,
    },
    /// The slug of a payload member; made unique by a suffix where it is taken.
    Slug(Vec<String>),
    /// A reference to the caller's account.
    Caller,
    /// A reference to the row that a path parameter names.
    Target(usize),
    /// By the class's id rule.
    Key,
    /// A relation of the caller to the row is switched.
    Relate(bool),
    /// Moves by this much when the relation of this field really changes.
    Count {
        relation: String,
        by: i64,
    },
    Add(i64),
    /// The largest so far in this field, and one more.
    Counter,
    /// A field of the caller's account; the empty name is its key.
    CallerField(String),
    /// A value whose texts have slots: see [`super::template`].
    Template(Value),
    /// Of the shape of one of these.
    Drawn(Vec<Value>),
    /// Another one of the same shape with each write; a number in front goes up.
    Fresh,
}

/// How new keys of a class come about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum IdRule {
    /// The largest so far and one more; `text` writes it as a string.
    Counter { text: bool },
    /// The slug of a payload member.
    Slug(Vec<String>),
    /// Sent by the client.
    Sent(Vec<String>),
    /// Of the same shape as those seen, which all begin so.
    Shape { like: String, prefix: String },
}

/// A position of an answer that is made anew.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Row {
        class: usize,
        selector: Option<Selector>,
        view: View,
    },
    List(Box<ListRule>),
    /// Something about the page of the list.
    Telling(Box<Telling>),
    /// How many rows the path and the query select.
    Count(Box<ListRule>),
    /// Whether there is a row for a path parameter.
    Exists {
        class: usize,
        slot: usize,
    },
    /// The rows that the call wrote.
    Written(View),
    /// The distinct values of a field of all rows of a class.
    Values {
        class: usize,
        path: Vec<String>,
    },
    /// A field of the account that the answer lets in; its key, where there is no name.
    Holder {
        class: usize,
        field: Option<String>,
        /// The key is written as text, though it is a number elsewhere.
        text: bool,
    },
    /// The time of the answer, or so long after it.
    Now {
        form: TimeForm,
        offset_ms: i64,
    },
    /// A value whose texts have slots: see [`super::template`].
    Template(Value),
    /// Another text of this shape in each answer.
    Anew {
        like: String,
    },
    /// A field of the row that the call wrote or read.
    Field {
        class: usize,
        field: String,
    },
    /// Copied from the request, where that has this media type (any, when it is `None`).
    Copy {
        source: Source,
        of: Option<String>,
    },
}

/// A place in the request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Param(usize),
    Query(String),
    /// All query parameters as one object.
    WholeQuery,
    /// A member of the body; the empty path is the body itself.
    Body(Vec<String>),
    Header(String),
    /// The path as the client sent it.
    Path,
    /// Path and query behind the scheme and authority that the client used.
    Url,
    /// The body as text.
    Text,
    /// The credential itself.
    Credential,
    /// The user of `Authorization: Basic` (RFC 7617 §2).
    User,
}

/// Which fields of a row an answer shows, and how.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    pub(super) class: usize,
    pub(super) fields: Vec<ViewField>,
    /// Fields beyond those listed are shown when the row has them.
    pub(super) open: bool,
    /// How the fields to show are chosen by the query, where they can be.
    pub(super) projection: Option<Projection>,
}

#[derive(Debug, Clone)]
pub(super) struct ViewField {
    pub(super) name: String,
    /// Share of the shown rows that had it.
    pub(super) share: f64,
    /// Shown only when the query asks for it.
    pub(super) when: Option<Wanted>,
    pub(super) how: Show,
}

/// How a query asks for more than is usually shown (`_embed=comments`, `expand[]=customer`, `include=author,tags`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) value: String,
    /// The value is one word of several.
    pub(super) word: bool,
}

impl Wanted {
    pub(super) fn by(&self, call: &Call) -> bool {
        let is = |text: &str| match self.word {
            true => text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == self.value),
            false => text == self.value,
        };
        call.query.iter().any(|(name, value)| *name == self.name && is(value))
    }
}

#[derive(Debug, Clone)]
pub(super) enum Show {
    Stored,
    /// The key of a row that is shown itself where the query asks for it.
    Key,
    Token,
    Viewer,
    /// An embedded row, by the reference the row keeps.
    Ref(View),
    /// A list of embedded rows that the row keeps.
    Refs(View),
    /// The rows of another class whose field names this row.
    Join {
        view: View,
        field: String,
    },
    /// The row of another class that a field of this row names.
    Via {
        view: View,
        field: String,
    },
}

#[derive(Debug, Clone, Default)]
pub(super) struct ListRule {
    pub(super) class: usize,
    pub(super) view: View,
    pub(super) scopes: Vec<Scope>,
    /// By the name of the term.
    pub(super) filters: BTreeMap<String, Filter>,
    /// Names of terms that were sent and change nothing.
    pub(super) ignored: BTreeSet<String>,
    /// How the API spells conditions; what was never sent is read by them.
    pub(super) conventions: BTreeSet<Convention>,
    pub(super) fields: Arc<Fields>,
    pub(super) order: Order,
    /// By the name of the term, up to the word that says the role.
    pub(super) paging: BTreeMap<String, PageRole>,
    pub(super) sizes: Sizes,
    /// Cursors that the API gave: the key of the row each stands at, and whether it goes backwards from there.
    pub(super) cursors: Arc<BTreeMap<String, (String, bool)>>,
}

/// How many rows a page has, and what becomes of pages there are none of.
#[derive(Debug, Clone, Default)]
pub(super) struct Sizes {
    /// Where no size is asked for.
    pub(super) default: Option<usize>,
    /// The same, where a page is asked for by number.
    pub(super) of_page: Option<usize>,
    /// More are never given.
    pub(super) most: Option<usize>,
    /// The first page is number 0.
    pub(super) from_zero: bool,
    /// A page after the last one is the last one.
    pub(super) clamped: bool,
}

/// What a query that names the fields to show does to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Projection {
    /// The object in a row that it thins out; empty for the row.
    pub(super) inside: Vec<String>,
    /// Shown though nobody asks for them.
    pub(super) kept: BTreeSet<String>,
}

/// What restricts a list by itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scope {
    /// A field (or an embedded row's key) equals a path parameter.
    Field { path: Vec<String>, slot: usize },
    /// The row was created or listed under this path parameter.
    Parent { slot: usize },
    /// The caller made it.
    Own,
    /// The caller has this relation to it.
    Related { class: usize, field: String },
    /// The caller has this relation to the row it embeds.
    RelatedVia { class: usize, field: String, reference: String },
}

/// What a term of the query does to a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    Field {
        path: Vec<String>,
        op: Op,
    },
    /// Rows to which the named account has this relation.
    RelatedTo(String),
    /// Some text field contains it.
    Search,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageRole {
    Limit,
    Offset,
    Page,
    /// The index after the last row.
    End,
    SortBy,
    Direction,
    /// The key of the row before the first one.
    After,
    /// The key of the row after the last one.
    Before,
    /// A text that an earlier page gave.
    Cursor,
    /// Which fields to show.
    Select,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Order {
    Created { descending: bool },
    Field { path: Vec<String>, descending: bool },
}

impl Default for Order {
    fn default() -> Self {
        Self::Created { descending: false }
    }
}

/// A call the API refuses, and how it says so.
#[derive(Debug, Clone)]
pub(super) struct RefusalRule {
    pub(super) cause: Cause,
    pub(super) sample: Sample,
    /// Its words as `[frame, [[key, value], …], {header fields}]`: the body with the lists of faults emptied, and what
    /// belongs into them for this fault. The text of a body that is not JSON is the frame.
    pub(super) words: Phrase,
    /// Where the lists of faults are in the frame (JSON Pointer, RFC 6901), one for each piece.
    pub(super) lists: Vec<String>,
    pub(super) support: u32,
}

/// What the API said of a method that a path does not have.
#[derive(Debug, Clone)]
pub(super) struct Closed {
    pub(super) template: String,
    pub(super) method: String,
    pub(super) refusals: Vec<RefusalRule>,
}
