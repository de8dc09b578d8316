//! Sends a push to every subscription with `web-push` and its hyper client, and prints its CPU microseconds a
//! push.
//!
//!     sender CA_FILE IN_FLIGHT WARM_UP SIZE < subscriptions.jsonl
//!
//! The first WARM_UP pushes open the connections and are not counted.

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use cpu_time::ProcessTime;
use hyper::client::HttpConnector;
use hyper_tls::HttpsConnector;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use web_push::{
    ContentEncoding, HyperWebPushClient, SubscriptionInfo, VapidSignature, VapidSignatureBuilder,
    WebPushClient, WebPushMessageBuilder,
};

type Failure = Box<dyn Error + Send + Sync>;

/// What all pushes share. The token is signed once: all subscriptions are of one push service.
struct Sender {
    client: HyperWebPushClient,
    signature: VapidSignature,
    text: Vec<u8>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [ca, in_flight, warm_up, size] = arguments.as_slice() else {
        return Err("usage: sender CA_FILE IN_FLIGHT WARM_UP SIZE < subscriptions.jsonl".into());
    };
    let (in_flight, warm_up, size): (usize, usize, usize) =
        (in_flight.parse()?, warm_up.parse()?, size.parse()?);
    let mut first = io::stdin()
        .lines()
        .map(read)
        .collect::<Result<Vec<_>, _>>()?;
    let rest = first.split_off(warm_up);
    let sender = Arc::new(Sender {
        client: client(ca)?,
        signature: sign(&first[0])?,
        text: vec![b'x'; size],
    });

    send_all(&sender, first, in_flight).await?;
    let count = rest.len();
    let began = ProcessTime::now();
    send_all(&sender, rest, in_flight).await?;
    println!("{}", began.elapsed().as_secs_f64() * 1e6 / count as f64);
    Ok(())
}

fn read(line: io::Result<String>) -> Result<SubscriptionInfo, Failure> {
    Ok(serde_json::from_str(&line?)?)
}

fn client(ca: &str) -> Result<HyperWebPushClient, Failure> {
    let root = native_tls::Certificate::from_pem(&fs::read(ca)?)?;
    let tls = native_tls::TlsConnector::builder()
        .add_root_certificate(root)
        .build()?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnector::from((tcp, tls.into()));
    Ok(hyper::Client::builder().build(connector).into())
}

/// Signs with a new key; the library leaves the port out of the origin, so the audience is given.
fn sign(subscription: &SubscriptionInfo) -> Result<VapidSignature, Failure> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let pem = EcKey::generate(&group)?.private_key_to_pem()?;
    let origin = subscription
        .endpoint
        .splitn(4, '/')
        .take(3)
        .collect::<Vec<_>>()
        .join("/");
    let mut builder = VapidSignatureBuilder::from_pem(pem.as_slice(), subscription)?;
    builder.add_claim("aud", origin);
    builder.add_claim("sub", "mailto:ops@example.com");
    Ok(builder.build()?)
}

/// Posts to all subscriptions, `in_flight` at once.
async fn send_all(
    sender: &Arc<Sender>,
    subscriptions: Vec<SubscriptionInfo>,
    in_flight: usize,
) -> Result<(), Failure> {
    let subscriptions = Arc::new(subscriptions);
    let next = Arc::new(AtomicUsize::new(0));
    let running: Vec<_> = (0..in_flight)
        .map(|_| {
            let (sender, subscriptions, next) =
                (sender.clone(), subscriptions.clone(), next.clone());
            tokio::spawn(async move {
                while let Some(each) = subscriptions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    push(&sender, each).await?;
                }
                Ok::<(), Failure>(())
            })
        })
        .collect();
    for each in running {
        each.await??;
    }
    Ok(())
}

async fn push(sender: &Sender, subscription: &SubscriptionInfo) -> Result<(), Failure> {
    let mut builder = WebPushMessageBuilder::new(subscription);
    builder.set_ttl(60);
    builder.set_payload(ContentEncoding::Aes128Gcm, &sender.text);
    builder.set_vapid_signature(sender.signature.clone());
    sender.client.send(builder.build()?).await?;
    Ok(())
}
