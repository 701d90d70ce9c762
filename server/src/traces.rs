//! Each exchange as a span for OpenTelemetry, sent over OTLP; in builds with the feature `otlp` alone, and only when
//! `OTEL_EXPORTER_OTLP_ENDPOINT` says where to.
//!
//! A span is made of the row that the traffic list gets, after redaction and off the request path, with the times at which the
//! exchange began and ended. The client's `traceparent` is its parent.

#[cfg(feature = "otlp")]
pub use otlp::Traces;

#[cfg(not(feature = "otlp"))]
pub use nothing::Traces;

#[cfg(not(feature = "otlp"))]
mod nothing {
    use understudy_types::TrafficRow;

    /// This build sends no traces.
    #[derive(Debug, Default)]
    pub struct Traces;

    impl Traces {
        #[must_use]
        pub fn start() -> Self {
            Self
        }

        pub fn record(&self, _row: &TrafficRow, _parent: Option<&str>) {}

        pub fn end(&self) {}
    }
}

#[cfg(feature = "otlp")]
mod otlp {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use opentelemetry::trace::{
        Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
        TracerProvider,
    };
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_otlp::SpanExporter;
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use understudy_types::{Source, TrafficRow};

    /// The SDK reads what else it wants to know from the other variables of the specification.
    const WHERE_TO: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    const NAME: &str = "OTEL_SERVICE_NAME";

    /// Sends spans in batches from a thread of its own; what there is no room for is dropped by the SDK, which says so.
    #[derive(Debug, Default)]
    pub struct Traces {
        provider: Option<SdkTracerProvider>,
    }

    impl Traces {
        /// A wrong address is told and nothing is sent: traces are not what a server should fail for.
        #[must_use]
        pub fn start() -> Self {
            if WHERE_TO.iter().all(|key| std::env::var_os(key).is_none()) {
                return Self::default();
            }
            let exporter = SpanExporter::builder().with_http().build();
            let exporter = exporter.inspect_err(|error| tracing::error!(%error, "send traces; none are sent"));
            let provider = exporter.ok().map(|exporter| {
                let resource = Resource::builder();
                let named = std::env::var_os(NAME).is_some();
                let resource = if named { resource } else { resource.with_service_name("understudy") };
                SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build()
            });
            Self { provider }
        }

        /// `parent` is the request's `traceparent`.
        pub fn record(&self, row: &TrafficRow, parent: Option<&str>) {
            let Some(provider) = &self.provider else { return };
            let tracer = provider.tracer("understudy");
            let context = parent.and_then(span_context).map(|of| Context::new().with_remote_span_context(of));
            let began = UNIX_EPOCH + Duration::from_millis(row.at_ms);
            let builder = tracer
                .span_builder(name(row))
                .with_kind(SpanKind::Server)
                .with_start_time(began)
                .with_attributes(attributes(row));
            let mut span = builder.start_with_context(&tracer, &context.unwrap_or_default());
            if row.status >= 500 {
                span.set_status(Status::error(row.reason.clone()));
            }
            span.end_with_timestamp(ended(began, row));
        }

        /// Waits until what was recorded is sent, some seconds at most. For threads that may wait.
        pub fn end(&self) {
            let Some(provider) = &self.provider else { return };
            if let Err(error) = provider.shutdown() {
                tracing::error!(%error, "send the last traces");
            }
        }
    }

    fn ended(began: SystemTime, row: &TrafficRow) -> SystemTime {
        began + Duration::from_micros(row.duration_us)
    }

    fn name(row: &TrafficRow) -> String {
        row.template.as_ref().map_or_else(|| row.method.clone(), |template| format!("{} {template}", row.method))
    }

    /// The names are those of OpenTelemetry's semantic conventions for HTTP servers.
    fn attributes(row: &TrafficRow) -> Vec<KeyValue> {
        let (path, query) =
            row.target.split_once('?').map_or((&*row.target, None), |(path, query)| (path, Some(query)));
        let source = match row.source {
            Source::Upstream => "upstream",
            Source::Twin => "twin",
            Source::Fault => "fault",
            Source::None => "none",
        };
        let mut all = vec![
            KeyValue::new("http.request.method", row.method.clone()),
            KeyValue::new("url.path", path.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(row.status)),
            KeyValue::new("http.response.body.size", i64::try_from(row.bytes).unwrap_or(i64::MAX)),
            KeyValue::new("understudy.source", source),
            KeyValue::new("understudy.reason", row.reason.clone()),
        ];
        all.extend(query.map(|query| KeyValue::new("url.query", query.to_owned())));
        all.extend(row.template.clone().map(|template| KeyValue::new("http.route", template)));
        all
    }

    /// `00-<trace>-<span>-<flags>` (W3C Trace Context section 3.2). Of later versions what follows is not read.
    fn span_context(text: &str) -> Option<SpanContext> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let fits = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2) && version != "ff";
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok().filter(|_| fits)?);
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let context = SpanContext::new(trace, span, flags, true, TraceState::default());
        context.is_valid().then_some(context)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_parent_is_read_or_left_alone() {
            let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let found = span_context(text).expect("a context");
            assert_eq!(found.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
            assert!(found.is_sampled() && found.is_remote());
            for wrong in ["", "00-0-0-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
                assert!(span_context(wrong).is_none(), "{wrong}");
            }
            assert!(span_context("00-00000000000000000000000000000000-b7ad6b7169203331-01").is_none());
        }
    }
}
