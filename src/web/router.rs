//! Which path leads to which action. Every action finds out itself who asks; a path that is not here does not exist.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use super::problem::Problem;
use super::state::{AppState, Web};
use super::{headers, routes};
use crate::id_source::IdSource;

/// The whole API.
pub fn router(state: AppState) -> Router {
    let ids: Arc<dyn IdSource> = Arc::clone(&state.ctx.ids);
    routes::all()
        .fold(Router::new(), |router, (_, operation)| {
            router.route(operation.path, (operation.handler)())
        })
        .fallback(|| async { Problem::not_found() })
        .with_state(Arc::new(Web::new(state)))
        .layer(from_fn_with_state(ids, headers::dress))
}
