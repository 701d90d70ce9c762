//! Settings: how the twin answers, what redaction takes out, who is told of drift, who gets in, and the limits in force.

use leptos::prelude::*;
use understudy_types::{LatencyMode, Limit, TwinSettings, Webhook};

use crate::backend::SettingsView;
use crate::parts::{Desk, Drawn, refused};

pub(crate) fn draw(desk: &Desk) -> Drawn {
    let SettingsView { twin, redaction, webhooks, has_token, limits } = desk.backend.settings();
    let view = view! {
        <section class="settings" aria-labelledby="settings-title">
            <h1 id="settings-title">"Settings"</h1>
            {twin_form(twin)}
            {redaction_form(redaction.names)}
            {webhook_list(webhooks)}
            {access(has_token)}
            {limit_list(limits)}
        </section>
    };
    Drawn::new("Settings", view.into_any())
}

/// What would stay of a text.
pub(crate) fn redacted(desk: &Desk, text: String) -> Result<Drawn, ServerFnError> {
    let left = desk.backend.redacted(text).map_err(refused)?;
    Ok(Drawn::new("", left.into_any()))
}

fn twin_form(settings: TwinSettings) -> AnyView {
    let TwinSettings { seed, min_confidence, latency } = settings;
    let is = move |mode| latency.mode == mode;
    view! {
        <section class="panel" aria-labelledby="settings-twin">
            <h2 id="settings-twin">"The twin's answers"</h2>
            <form method="post" action="/admin/fn/set-twin" class="settings-form">
                <label>"Seed" <input type="text" name="seed" inputmode="numeric" placeholder="from the project's name" value=seed.map(|seed| seed.to_string())/></label>
                <label>"Least confidence, 0 to 1" <input type="number" name="min_confidence" min="0" max="1" step="any" value=min_confidence.to_string()/></label>
                <label>
                    "Takes as long as"
                    <select name="mode">
                        <option value="off" selected=is(LatencyMode::Off)>"it needs"</option>
                        <option value="learned" selected=is(LatencyMode::Learned)>"the API did"</option>
                        <option value="fixed_ms" selected=is(LatencyMode::FixedMs)>"said here"</option>
                    </select>
                </label>
                <label>"Times" <input type="number" name="factor" min="0" step="any" value=latency.factor.to_string()/></label>
                <label>"Milliseconds" <input type="number" name="fixed_ms" min="0" max="600000" value=latency.fixed_ms.to_string()/></label>
                <span class="settings-end"><button type="submit" class="choice">"Save"</button></span>
            </form>
            <p class="body-note">"Below the least confidence the twin answers 501 and says why. The same seed, state and request give the same answer."</p>
        </section>
    }
    .into_any()
}

/// The names that people added, and a place to try them.
fn redaction_form(names: Vec<String>) -> AnyView {
    view! {
        <section class="panel" aria-labelledby="settings-redaction">
            <h2 id="settings-redaction">"What redaction takes out"</h2>
            <p class="body-note">"Credentials go by themselves: passwords, tokens, API keys, cookies, JSON Web Tokens. Name what else must never be kept or shown; members, parameters and header fields of these names become tokens from now on. What was recorded before stays as it is."</p>
            <form method="post" action="/admin/fn/set-redaction" class="settings-form">
                <label class="settings-wide">"Names, separated by commas" <input type="text" name="names" placeholder="taxId, iban" value=names.join(", ")/></label>
                <span class="settings-end"><button type="submit" class="choice">"Save names"</button></span>
            </form>
            <div class="redaction">
                <textarea rows="3" aria-label="A text to try it on" spellcheck="false" placeholder="Try it: type a JSON body as your API has it. Nothing of it is kept." data-redact=""></textarea>
                <pre class="body-text redacted" role="status" tabindex="0" aria-label="What is left"></pre>
            </div>
        </section>
    }
    .into_any()
}

fn webhook_list(webhooks: Vec<Webhook>) -> AnyView {
    let row = move |webhook: Webhook| {
        let label = format!("Remove {}", webhook.url);
        let signed = if webhook.secret.is_some() { "signed" } else { "not signed" };
        let words = format!("{}, {} and worse, {signed}", webhook.format, webhook.min_severity);
        view! {
            <li class="save" data-key=webhook.url.clone()>
                <code class="save-name">{webhook.url.clone()}</code>
                <span class="when">{words}</span>
                <form method="post" action="/admin/fn/remove-webhook">
                    <input type="hidden" name="url" value=webhook.url.clone()/>
                    <button type="submit" class="choice" aria-label=label>"Remove"</button>
                </form>
            </li>
        }
    };
    view! {
        <section class="panel" aria-labelledby="settings-webhooks">
            <h2 id="settings-webhooks">"Who is told of drift"</h2>
            {webhooks.is_empty().then(|| view! { <p class="body-note">"Nobody yet: only this page shows it."</p> })}
            <ul class="saves">{webhooks.into_iter().map(row).collect_view()}</ul>
            <form method="post" action="/admin/fn/add-webhook" class="settings-form">
                <label class="settings-wide">"Webhook" <input type="url" name="url" required placeholder="https://hooks.example.com/…"/></label>
                <label>"Format" <select name="format"><option value="json">"JSON"</option><option value="slack">"Slack"</option></select></label>
                <label>"From severity" <select name="min_severity"><option value="warning">"warning"</option><option value="critical">"critical"</option><option value="info">"info"</option></select></label>
                <label>"Secret to sign with" <input type="password" name="secret" autocomplete="off"/></label>
                <span class="settings-end"><button type="submit" class="choice">"Add"</button></span>
            </form>
        </section>
    }
    .into_any()
}

fn access(has_token: bool) -> AnyView {
    let words = if has_token {
        "A token is asked for. Programs send it as Authorization: Bearer …; a browser opens the dashboard once with ?token=…."
    } else {
        "No token is asked for, so the dashboard listens on this machine alone. ADMIN_TOKEN sets one, of at least 16 characters."
    };
    view! {
        <section class="panel" aria-labelledby="settings-access">
            <h2 id="settings-access">"Who gets in"</h2>
            <p>{words}</p>
        </section>
    }
    .into_any()
}

fn limit_list(limits: Vec<Limit>) -> AnyView {
    let row = |Limit { key, value, meaning }: Limit| {
        view! { <tr><th scope="row"><code>{key}</code></th><td class="number">{value}</td><td class="limit-meaning">{meaning}</td></tr> }
    };
    view! {
        <section class="panel" aria-labelledby="settings-limits">
            <h2 id="settings-limits">"Limits in force"</h2>
            <p class="body-note">"From flags, environment and understudy.toml; a restart changes them."</p>
            <div class="table-scroll"><table class="rows limits"><tbody>{limits.into_iter().map(row).collect_view()}</tbody></table></div>
        </section>
    }
    .into_any()
}
