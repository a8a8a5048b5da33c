//! A function of `lambda_http` that does nothing, or makes one call over plain HTTP where it is asked by `POST`: what the
//! starts of the platform's functions are measured against (`tests/suite/lambda/start.rs`).

use lambda_http::http::Method;
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(request: Request) -> Result<Response<Body>, Error> {
    if request.method() == Method::POST {
        let endpoint = std::env::var("AWS_ENDPOINT_URL")?;
        let host = endpoint.strip_prefix("http://").unwrap_or(&endpoint).to_owned();
        let mut stream = TcpStream::connect(&host).await?;
        let head =
            format!("POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}");
        stream.write_all(head.as_bytes()).await?;
        let mut said = [0; 1_024];
        let read = stream.read(&mut said).await?;
        if !said[..read].starts_with(b"HTTP/1.1 200") {
            return Err("the endpoint did not answer".into());
        }
    }
    Ok(Response::new(Body::Empty))
}
