//! An axum server whose one door answers 200 and nothing: what the benchmark compares with.

use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 8481)).await?;
    axum::serve(listener, Router::new().route("/v1/risk/address", post(async || "{}"))).await
}
