//! What is where: the page, its stream, the solver, the swap.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use concert_policies::MAX_POLICY_BYTES;
use serde_json::Value;
use tokio::time::timeout;

use super::hub::{Hub, MAX_PAGES, Page};
use super::page::{MAX_PAGE_BYTES, serve_page};
use super::solve::{Asked, Solved};
use super::swap::Swapped;
use super::tables::Tables;
use super::worker::{NoAnswer, Worker};
use crate::http::guard::{Guard, guard};
use crate::http::refusal::{Refusal, json_response};

/// Most bytes of a problem's body (64 KiB).
const MAX_PROBLEM_BODY_BYTES: usize = 64 << 10;
/// Most bytes of a body with a policy: twice the longest policy, because JSON writes
/// line feeds and quotes as two.
const MAX_POLICY_BODY_BYTES: usize = 2 * MAX_POLICY_BYTES as usize;
/// Longest time that a request's body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What the routes answer from.
pub(super) struct App {
    pub(super) hub: Arc<Hub>,
    pub(super) tables: Arc<Tables>,
    pub(super) solver: Worker<Asked, Solved>,
    pub(super) swapper: Worker<String, Swapped>,
    /// Why no policy may be swapped in; `None` where it may.
    pub(super) no_control: Option<String>,
    pub(super) page: &'static str,
}

/// The server's routes, behind its guard.
pub(super) fn routes(app: Arc<App>, checks: Arc<Guard>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/live", get(live))
        .route("/api/tables", get(tables))
        .route("/api/solve", post(solve))
        .route("/api/swap", post(swap))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(checks, guard))
        .with_state(app)
}

async fn page(State(app): State<Arc<App>>) -> Html<&'static str> {
    Html(app.page)
}

async fn nothing() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "there is nothing here: the page is at /",
    )
}

/// Streams to a page what it wants to see.
async fn live(
    State(app): State<Arc<App>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Some(page) = Page::open(&app.hub) else {
        let words = format!(
            "{MAX_PAGES} pages are open, which is as many as there may be: close one, and this one \
             comes up by itself."
        );
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    };
    match upgrade {
        Ok(upgrade) => upgrade
            .max_message_size(MAX_PAGE_BYTES)
            .max_frame_size(MAX_PAGE_BYTES)
            .on_upgrade(move |socket| serve_page(socket, page)),
        Err(_) => {
            let words = "this is a WebSocket for the page at /";
            Refusal::new(StatusCode::UPGRADE_REQUIRED, words).into_response()
        }
    }
}

/// The tables that can be solved on, as the page needs them.
async fn tables(State(app): State<Arc<App>>) -> Response {
    json_response(StatusCode::OK, app.tables.describe().to_string())
}

async fn solve(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refusal> {
    let body = body(request, MAX_PROBLEM_BODY_BYTES).await?;
    let asked = Asked::parse(&body, &app.tables)?;
    let solved = app.solver.ask(asked).await;
    let answer = solved.map_err(|fault| no_answer("solve", &fault))?;
    Ok(json_response(StatusCode::OK, answer?.to_string()))
}

async fn swap(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refusal> {
    if let Some(reason) = &app.no_control {
        return Err(Refusal::new(StatusCode::FORBIDDEN, reason.clone()));
    }
    let policy = super::swap::parse(&body(request, MAX_POLICY_BODY_BYTES).await?)?;
    let swapped = app.swapper.ask(policy).await;
    let answer = swapped.map_err(|fault| no_answer("swap", &fault))?;
    let (status, answer) = answer?;
    Ok(json_response(status, answer.to_string()))
}

fn no_answer(what: &str, fault: &NoAnswer) -> Refusal {
    match fault {
        NoAnswer::Busy => {
            let error = format!("another {what} is under way");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error)
        }
        NoAnswer::Panicked => {
            let error = format!("the {what} panicked; see the log of the view");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error)
        }
    }
}

/// A request's body: JSON of a bounded size that comes in bounded time.
async fn body(request: Request, most_bytes: usize) -> Result<Value, Refusal> {
    let read = to_bytes(request.into_body(), most_bytes);
    let read = timeout(BODY_TIME, read).await.map_err(|_| {
        let error = format!("the body did not come within {} s", BODY_TIME.as_secs());
        Refusal::new(StatusCode::REQUEST_TIMEOUT, error)
    })?;
    let bytes = read.map_err(|_| {
        let error = format!("the body has more than {most_bytes} bytes, which is the most");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad(format!("the body is not JSON: {error}")))
}
