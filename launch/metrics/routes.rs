//! `/metrics`, `/ready` and `/live`.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use concert_runtime::{DegradationSnapshot, Unready};
use serde_json::json;

use super::exposition::Exposition;
use crate::http::guard::{Guard, guard};
use crate::http::refusal::{Refusal, json_response};
use crate::supervision::Vitals;

/// What the text of the metrics is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the routes answer from.
struct App {
    vitals: Arc<Vitals>,
    /// The last text, and what it was made of: made once for all who ask meanwhile.
    last: Mutex<Option<(Exposition, Bytes)>>,
}

/// The routes, behind their guard.
pub(super) fn routes(vitals: &Arc<Vitals>, checks: Guard) -> Router {
    let app = App {
        vitals: Arc::clone(vitals),
        last: Mutex::default(),
    };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/ready", get(ready))
        .route("/live", get(live))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(Arc::new(checks), guard))
        .with_state(Arc::new(app))
}

async fn nothing() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "there is nothing here: /metrics, /ready and /live are",
    )
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let Some(text) = app.text() else {
        let words = "the metrics cannot be written";
        return Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, words).into_response();
    };
    let mut response = text.into_response();
    let kind = HeaderValue::from_static(OPEN_METRICS);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// 200 where it does its work, else 503; why, as JSON on one line.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let readiness = app.vitals.readiness();
    let figures = app.vitals.figures();
    let snapshot = figures.as_ref().map(|figures| &figures.snapshot);
    let chain = snapshot.and_then(|snapshot| snapshot.degradation.as_ref());
    let loading = app.vitals.loading();
    let loading = loading.map(|(done, total)| json!({ "loaded": done, "networks": total }));
    let answer = json!({
        "ready": readiness.is_ready(),
        "reason": readiness.unready.map(Unready::name),
        "message": readiness.message,
        "policy": snapshot.map(|snapshot| &snapshot.policy),
        "degraded": chain.and_then(DegradationSnapshot::line),
        "loading": loading,
    });
    answer_of(readiness.is_ready(), &answer)
}

/// 200 where the threads go on that watch over it, else 503.
async fn live(State(app): State<Arc<App>>) -> Response {
    let stuck = app.vitals.stuck();
    let answer = json!({ "live": stuck.is_none(), "message": stuck });
    answer_of(stuck.is_none(), &answer)
}

fn answer_of(well: bool, answer: &serde_json::Value) -> Response {
    let status = match well {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    json_response(status, format!("{answer}\n"))
}

impl App {
    /// The text of the metrics, of the last status.
    fn text(&self) -> Option<Bytes> {
        let now = Exposition {
            figures: self.vitals.figures(),
            readiness: self.vitals.readiness(),
            loading: self.vitals.loading(),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_of, text)) = &*last
            && made_of.is_like(&now)
        {
            return Some(text.clone());
        }
        let text = Bytes::from(now.clone().text().ok()?);
        *last = Some((now, text.clone()));
        Some(text)
    }
}
