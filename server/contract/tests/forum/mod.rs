//! A small API that is the truth: people, their posts, and comments on these, with sign-in, validation, conflicts, versions
//! and pages.

use serde_json::{Map, Value, json};

/// What a client sends, as far as it matters here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) token: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) body: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, String)>,
    /// Null is no body.
    pub(crate) body: Value,
}

/// Whether a text of a path or a query is this number.
fn is(number: Option<u64>, text: &str) -> bool {
    number.is_some() && text.parse().ok() == number
}

type Outcome = Result<Said, Said>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Forum {
    people: Vec<Value>,
    passwords: Vec<String>,
    sessions: Vec<(String, u64)>,
    posts: Vec<Value>,
    comments: Vec<Value>,
    posts_made: u64,
    comments_made: u64,
}

fn said(status: u16, body: Value) -> Said {
    Said { status, fields: vec![], body }
}

fn refused(status: u16, code: &str, message: &str) -> Said {
    said(status, json!({"error": {"code": code, "message": message}}))
}

fn not_found(what: &str) -> Said {
    refused(404, "not_found", &format!("There is no such {what}"))
}

/// One entry for each member that is missing or not as it must be.
fn faults(body: &Value, rules: &[(&str, usize, usize)]) -> Result<(), Said> {
    let fault = |field: &str, message: String| json!({"field": field, "message": message});
    let check = |(field, least, most): &(&str, usize, usize)| match &body[*field] {
        Value::Null => Some(fault(field, "is required".to_owned())),
        Value::String(text) if text.chars().count() < *least => {
            Some(fault(field, format!("must have at least {least} characters")))
        }
        Value::String(text) if text.chars().count() > *most => {
            Some(fault(field, format!("must have at most {most} characters")))
        }
        Value::String(_) => None,
        _ => Some(fault(field, "must be a string".to_owned())),
    };
    let found: Vec<Value> = rules.iter().filter_map(check).collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(said(422, json!({"error": {"code": "invalid", "message": "Some fields are not valid", "fields": found}})))
}

impl Forum {
    /// Answers as of this moment (Unix milliseconds).
    pub(crate) fn answer(&mut self, ask: &Ask, now_ms: u64) -> Said {
        let (path, query) = ask.target.split_once('?').unwrap_or((&ask.target, ""));
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let body = ask.body.clone().unwrap_or_default();
        let outcome = match (ask.method, segments.as_slice()) {
            ("POST", ["register"]) => self.register(&body, now_ms),
            ("POST", ["login"]) => self.login(&body),
            ("GET", ["me"]) => self.caller(ask).map(|who| said(200, self.person(who))),
            ("GET", ["people", id]) => self
                .people
                .iter()
                .find(|one| is(one["id"].as_u64(), id))
                .map_or_else(|| Err(not_found("person")), |one| Ok(said(200, one.clone()))),
            ("GET", ["posts", "count"]) => Ok(said(200, json!({"count": self.select(query).len()}))),
            ("GET", ["posts"]) => Ok(self.page(query)),
            ("POST", ["posts"]) => self.write(ask, &body, now_ms),
            ("GET", ["posts", id]) => self.at(id).map(|at| self.shown(at, 200)),
            ("PATCH", ["posts", id]) => self.change(ask, id, &body, now_ms),
            ("DELETE", ["posts", id]) => self.remove(ask, id),
            ("POST", ["posts", id, "publish"]) => self.publish(ask, id, now_ms),
            ("GET", ["posts", id, "comments"]) => self.comments_of(id),
            ("POST", ["posts", id, "comments"]) => self.comment(ask, id, &body, now_ms),
            ("DELETE", ["comments", id]) => self.uncomment(ask, id),
            _ => Err(not_found("page")),
        };
        outcome.unwrap_or_else(|refusal| refusal)
    }

    fn person(&self, id: u64) -> Value {
        self.people[usize::try_from(id).expect("small") - 1].clone()
    }

    fn author(&self, id: u64) -> Value {
        let person = self.person(id);
        json!({"id": person["id"], "name": person["name"]})
    }

    fn caller(&self, ask: &Ask) -> Result<u64, Said> {
        let known = ask.token.as_ref().and_then(|token| self.sessions.iter().find(|(own, _)| own == token));
        known.map(|(_, id)| *id).ok_or_else(|| refused(401, "unauthorized", "Sign in first"))
    }

    fn register(&mut self, body: &Value, now_ms: u64) -> Outcome {
        faults(body, &[("email", 3, 80), ("name", 2, 24), ("password", 8, 80)])?;
        if self.people.iter().any(|one| one["email"] == body["email"]) {
            return Err(refused(409, "conflict", "This email is taken"));
        }
        let id = self.people.len() + 1;
        let person = json!({"id": id, "email": body["email"], "name": body["name"], "createdAt": now_ms});
        self.people.push(person.clone());
        self.passwords.push(body["password"].as_str().unwrap_or_default().to_owned());
        Ok(Said { status: 201, fields: vec![("location", format!("/people/{id}"))], body: person })
    }

    fn login(&mut self, body: &Value) -> Outcome {
        let at = self.people.iter().position(|one| one["email"] == body["email"]);
        let at = at.filter(|at| body["password"] == self.passwords[*at].as_str());
        let at = at.ok_or_else(|| refused(401, "unauthorized", "Wrong email or password"))?;
        let id = at as u64 + 1;
        let token = format!(
            "{:032x}",
            (self.sessions.len() as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        );
        self.sessions.push((token.clone(), id));
        Ok(said(200, json!({"token": token})))
    }

    fn at(&self, id: &str) -> Result<usize, Said> {
        self.posts.iter().position(|post| is(post["id"].as_u64(), id)).ok_or_else(|| not_found("post"))
    }

    fn shown(&self, at: usize, status: u16) -> Said {
        let post = &self.posts[at];
        Said { status, fields: vec![("etag", format!("\"{}\"", post["version"]))], body: post.clone() }
    }

    /// The newest posts first.
    fn select(&self, query: &str) -> Vec<&Value> {
        let get = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let fits = |post: &&Value| {
            get("status").is_none_or(|status| post["status"] == status)
                && get("author").is_none_or(|id| is(post["author"]["id"].as_u64(), id))
        };
        self.posts.iter().rev().filter(fits).collect()
    }

    fn page(&self, query: &str) -> Said {
        let number = |name: &str| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|text| text.parse::<usize>().ok())
        };
        let (page, size) = (number("page").unwrap_or(1).max(1), number("size").unwrap_or(5).min(20));
        let all = self.select(query);
        let rows: Vec<&Value> = all.iter().copied().skip((page - 1) * size).take(size).collect();
        said(200, json!({"data": rows, "page": page, "size": size, "total": all.len()}))
    }

    fn write(&mut self, ask: &Ask, body: &Value, now_ms: u64) -> Outcome {
        let who = self.caller(ask)?;
        faults(body, &[("title", 3, 40), ("text", 1, 400)])?;
        if self.posts.iter().any(|post| post["title"] == body["title"]) {
            return Err(refused(409, "conflict", "A post of this title is there already"));
        }
        self.posts_made += 1;
        let tags = if body["tags"].is_null() { json!([]) } else { body["tags"].clone() };
        self.posts.push(json!({
            "id": self.posts_made, "title": body["title"], "text": body["text"], "tags": tags, "status": "draft",
            "author": self.author(who), "comments": 0, "version": 1, "createdAt": now_ms, "updatedAt": now_ms,
        }));
        let mut said = self.shown(self.posts.len() - 1, 201);
        said.fields.push(("location", format!("/posts/{}", self.posts_made)));
        Ok(said)
    }

    /// The post of this id, if the caller may change it.
    fn own(&self, ask: &Ask, id: &str) -> Result<usize, Said> {
        let who = self.caller(ask)?;
        let at = self.at(id)?;
        if self.posts[at]["author"]["id"] != who {
            return Err(refused(403, "forbidden", "Only the author may do this"));
        }
        Ok(at)
    }

    fn touch(&mut self, at: usize, now_ms: u64) {
        let version = self.posts[at]["version"].as_u64().unwrap_or(0) + 1;
        self.posts[at]["version"] = json!(version);
        self.posts[at]["updatedAt"] = json!(now_ms);
    }

    fn change(&mut self, ask: &Ask, id: &str, body: &Value, now_ms: u64) -> Outcome {
        let at = self.own(ask, id)?;
        let current = format!("\"{}\"", self.posts[at]["version"]);
        if ask.if_match.as_ref().is_some_and(|theirs| *theirs != current) {
            return Err(refused(412, "stale", "The post has changed meanwhile"));
        }
        let mut rules = vec![("title", 3, 40), ("text", 1, 400)];
        rules.retain(|(field, ..)| !body[*field].is_null());
        faults(body, &rules)?;
        for (name, value) in body.as_object().unwrap_or(&Map::new()) {
            self.posts[at][name] = value.clone();
        }
        self.touch(at, now_ms);
        Ok(self.shown(at, 200))
    }

    fn publish(&mut self, ask: &Ask, id: &str, now_ms: u64) -> Outcome {
        let at = self.own(ask, id)?;
        if self.posts[at]["status"] == "published" {
            return Err(refused(409, "published", "The post is published already"));
        }
        self.posts[at]["status"] = json!("published");
        self.touch(at, now_ms);
        Ok(self.shown(at, 200))
    }

    fn remove(&mut self, ask: &Ask, id: &str) -> Outcome {
        let at = self.own(ask, id)?;
        let post = self.posts.remove(at);
        self.comments.retain(|comment| comment["postId"] != post["id"]);
        Ok(said(204, Value::Null))
    }

    fn comments_of(&self, id: &str) -> Outcome {
        self.at(id)?;
        let own: Vec<&Value> = self.comments.iter().filter(|comment| is(comment["postId"].as_u64(), id)).collect();
        Ok(said(200, json!({"data": own, "total": own.len()})))
    }

    fn comment(&mut self, ask: &Ask, id: &str, body: &Value, now_ms: u64) -> Outcome {
        let who = self.caller(ask)?;
        let at = self.at(id)?;
        faults(body, &[("text", 1, 200)])?;
        self.comments_made += 1;
        let comment = json!({
            "id": self.comments_made, "postId": self.posts[at]["id"], "text": body["text"],
            "author": self.author(who), "createdAt": now_ms,
        });
        self.comments.push(comment.clone());
        let count = self.posts[at]["comments"].as_u64().unwrap_or(0) + 1;
        self.posts[at]["comments"] = json!(count);
        Ok(said(201, comment))
    }

    fn uncomment(&mut self, ask: &Ask, id: &str) -> Outcome {
        let who = self.caller(ask)?;
        let at = self.comments.iter().position(|comment| is(comment["id"].as_u64(), id));
        let at = at.ok_or_else(|| not_found("comment"))?;
        if self.comments[at]["author"]["id"] != who {
            return Err(refused(403, "forbidden", "Only the author may do this"));
        }
        let comment = self.comments.remove(at);
        if let Some(post) = self.posts.iter_mut().find(|post| post["id"] == comment["postId"]) {
            post["comments"] = json!(post["comments"].as_u64().unwrap_or(1) - 1);
        }
        Ok(said(204, Value::Null))
    }
}
