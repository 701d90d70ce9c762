//! Settings: how the twin answers, what redaction takes out, who is told of drift, who gets in, and the limits in force.

use leptos::prelude::*;
use leptos_meta::Title;
use understudy_types::{LatencyMode, Limit, TwinSettings, Webhook};

use crate::backend::{self, AddWebhook, RemoveWebhook, SetRedaction, SetTwin, SettingsView};
use crate::live::Live;

#[component]
pub fn Settings() -> impl IntoView {
    let live = expect_context::<Live>();
    let twin = ServerAction::<SetTwin>::new();
    let names = ServerAction::<SetRedaction>::new();
    let add = ServerAction::<AddWebhook>::new();
    let remove = ServerAction::<RemoveWebhook>::new();
    let view = Resource::new(
        move || twin.version().get() + names.version().get() + add.version().get() + remove.version().get(),
        |_| backend::load_settings(),
    );
    let failure = move || failed(&[twin.value().get(), names.value().get(), add.value().get(), remove.value().get()]);
    view! {
        <Title text="Settings"/>
        <section class="settings" aria-labelledby="settings-title">
            <h1 id="settings-title">"Settings"</h1>
            <p class="failure" role="alert">{failure}</p>
            <Transition>
                {move || Suspend::new(async move {
                    let ready = live.ready().await;
                    match ready.and(view.await) {
                        Ok(SettingsView { twin: settings, redaction, webhooks, has_token, limits }) => view! {
                            {twin_form(settings, twin)}
                            {redaction_form(redaction.names, names)}
                            {webhook_list(webhooks, add, remove)}
                            {access(has_token)}
                            {limit_list(limits)}
                        }
                        .into_any(),
                        Err(error) => view! { <p class="panel failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                    }
                })}
            </Transition>
        </section>
    }
    .into_any()
}

fn failed(answers: &[Option<Result<(), ServerFnError>>]) -> Option<String> {
    answers.iter().flatten().find_map(|answer| answer.as_ref().err()).map(ToString::to_string)
}

fn twin_form(settings: TwinSettings, action: ServerAction<SetTwin>) -> AnyView {
    let TwinSettings { seed, min_confidence, latency } = settings;
    let is = move |mode| latency.mode == mode;
    let saved = move || action.value().with(|answer| matches!(answer, Some(Ok(())))).then_some("saved");
    view! {
        <section class="panel" aria-labelledby="settings-twin">
            <h2 id="settings-twin">"The twin's answers"</h2>
            <ActionForm action attr:class="settings-form">
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
                <span class="settings-end"><button type="submit" class="choice">"Save"</button> <span class="outcome" role="status">{saved}</span></span>
            </ActionForm>
            <p class="body-note">"Below the least confidence the twin answers 501 and says why. The same seed, state and request give the same answer."</p>
        </section>
    }
    .into_any()
}

/// The names that people added, and what would stay of a text.
fn redaction_form(names: Vec<String>, action: ServerAction<SetRedaction>) -> AnyView {
    let typed = RwSignal::new(String::new());
    let left = LocalResource::new(move || backend::try_redaction(typed.get()));
    let left = move || left.get().map(|answer| answer.unwrap_or_else(|error| error.to_string()));
    view! {
        <section class="panel" aria-labelledby="settings-redaction">
            <h2 id="settings-redaction">"What redaction takes out"</h2>
            <p class="body-note">"Credentials go by themselves: passwords, tokens, API keys, cookies, JSON Web Tokens. Name what else must never be kept or shown; members, parameters and header fields of these names become tokens from now on. What was recorded before stays as it is."</p>
            <ActionForm action attr:class="settings-form">
                <label class="settings-wide">"Names, separated by commas" <input type="text" name="names" placeholder="taxId, iban" value=names.join(", ")/></label>
                <span class="settings-end"><button type="submit" class="choice">"Save names"</button></span>
            </ActionForm>
            <div class="redaction">
                <textarea rows="3" aria-label="A text to try it on" spellcheck="false" placeholder="Try it: type a JSON body as your API has it. Nothing of it is kept." on:input=move |event| typed.set(event_target_value(&event))></textarea>
                <pre class="body-text redacted" role="status" tabindex="0" aria-label="What is left">{left}</pre>
            </div>
        </section>
    }
    .into_any()
}

fn webhook_list(webhooks: Vec<Webhook>, add: ServerAction<AddWebhook>, remove: ServerAction<RemoveWebhook>) -> AnyView {
    let row = move |webhook: Webhook| {
        let label = format!("Remove {}", webhook.url);
        let signed = if webhook.secret.is_some() { "signed" } else { "not signed" };
        let words = format!("{}, {} and worse, {signed}", webhook.format, webhook.min_severity);
        view! {
            <li class="save">
                <code class="save-name">{webhook.url.clone()}</code>
                <span class="when">{words}</span>
                <ActionForm action=remove>
                    <input type="hidden" name="url" value=webhook.url/>
                    <button type="submit" class="choice" aria-label=label>"Remove"</button>
                </ActionForm>
            </li>
        }
    };
    view! {
        <section class="panel" aria-labelledby="settings-webhooks">
            <h2 id="settings-webhooks">"Who is told of drift"</h2>
            {webhooks.is_empty().then(|| view! { <p class="body-note">"Nobody yet: only this page shows it."</p> })}
            <ul class="saves">{webhooks.into_iter().map(row).collect_view()}</ul>
            <ActionForm action=add attr:class="settings-form">
                <label class="settings-wide">"Webhook" <input type="url" name="url" required placeholder="https://hooks.example.com/…"/></label>
                <label>"Format" <select name="format"><option value="json">"JSON"</option><option value="slack">"Slack"</option></select></label>
                <label>"From severity" <select name="min_severity"><option value="warning">"warning"</option><option value="critical">"critical"</option><option value="info">"info"</option></select></label>
                <label>"Secret to sign with" <input type="password" name="secret" autocomplete="off"/></label>
                <span class="settings-end"><button type="submit" class="choice">"Add"</button></span>
            </ActionForm>
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
