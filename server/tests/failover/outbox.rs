//! Writes that the twin answered: kept, shown, replayed with the API's ids, never by themselves.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{self, Server, TestBody, Upstream, header};

const SECRET: &str = "Bearer s3cret-of-the-caller";

/// An API of orders with lines, and what it was asked.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<Stock>>);

#[derive(Default)]
struct Stock {
    orders: u64,
    lines: u64,
    writes: Vec<(String, String, Value)>,
}

impl Shop {
    async fn answer(self, req: Request<Incoming>) -> Response<TestBody> {
        if req.headers().get("authorization").is_none_or(|given| given != SECRET) {
            return support::json(401, &json!({ "error": "who are you" }));
        }
        let (method, path) = (req.method().to_string(), req.uri().path().to_owned());
        let body = req.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut stock = self.0.lock().unwrap();
        if method != "GET" {
            stock.writes.push((method.clone(), path.clone(), body.clone()));
        }
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (method.as_str(), segments.as_slice()) {
            ("POST", ["orders"]) => {
                stock.orders += 1;
                support::json(201, &json!({ "id": stock.orders, "customer": body["customer"] }))
            }
            (_, ["orders", id, ..]) if id.parse::<u64>().is_ok_and(|id| id > stock.orders) => {
                support::json(404, &json!({ "error": "no such order" }))
            }
            ("POST", ["orders", _, "lines"]) => {
                stock.lines += 1;
                let line = json!({ "id": stock.lines, "orderId": body["orderId"], "sku": body["sku"], "count": body["count"] });
                support::json(201, &line)
            }
            ("PUT", ["orders", id]) => {
                support::json(200, &json!({ "id": id.parse::<u64>().unwrap(), "customer": body["customer"] }))
            }
            ("GET", ["orders", id]) => {
                support::json(200, &json!({ "id": id.parse::<u64>().unwrap(), "customer": "c" }))
            }
            _ => support::json(404, &json!({ "error": "not found" })),
        }
    }

    fn take_writes(&self) -> Vec<(String, String, Value)> {
        std::mem::take(&mut self.0.lock().unwrap().writes)
    }
}

async fn start(shop: &Shop) -> Upstream {
    let shop = shop.clone();
    Upstream::start(move |req| shop.clone().answer(req)).await
}

async fn start_at(shop: &Shop, address: std::net::SocketAddr) -> Upstream {
    let shop = shop.clone();
    Upstream::start_at(address, move |req| shop.clone().answer(req)).await
}

async fn send(server: &Server, method: Method, path: &str, body: Value) -> (u16, String, Value) {
    let request = server.client.request(method, server.url(path)).header("authorization", SECRET).json(&body);
    let response = request.send().await.unwrap();
    let (status, source) = (response.status().as_u16(), header(&response, "x-understudy-source").to_owned());
    (status, source, response.json().await.unwrap_or_default())
}

async fn admin(server: &Server, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let response = server.client.request(method, server.url(path)).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Three orders with lines are seen, then the API goes away.
async fn taught(shop: &Shop) -> (Server, std::net::SocketAddr) {
    let upstream = start(shop).await;
    let server = Server::start(upstream.address).await;
    for id in 1..=3 {
        send(&server, Method::POST, "/orders", json!({ "customer": format!("c{id}") })).await;
        let line = json!({ "orderId": id, "sku": format!("sku-{id}"), "count": id + 1 });
        send(&server, Method::POST, &format!("/orders/{id}/lines"), line).await;
        send(&server, Method::PUT, &format!("/orders/{id}"), json!({ "customer": format!("d{id}") })).await;
        send(&server, Method::GET, &format!("/orders/{id}"), Value::Null).await;
    }
    server.learned(12).await;
    shop.take_writes();
    (server, upstream.kill().await)
}

/// The twin makes order 4 and a line in it. Meanwhile the API has got other orders, so its number will be another one.
async fn outage(server: &Server, shop: &Shop) {
    let (status, source, order) = send(server, Method::POST, "/orders", json!({ "customer": "new" })).await;
    assert_eq!((status, source.as_str(), &order["id"]), (201, "twin", &json!(4)));
    let line = json!({ "orderId": 4, "sku": "sku-9", "count": 4 });
    let (status, source, _) = send(server, Method::POST, "/orders/4/lines", line).await;
    assert_eq!((status, source.as_str()), (201, "twin"));
    let (status, source, _) = send(server, Method::PUT, "/orders/4", json!({ "customer": "newer" })).await;
    assert_eq!((status, source.as_str()), (200, "twin"));
    assert_eq!(send(server, Method::GET, "/orders/4", Value::Null).await.1, "twin");
    shop.0.lock().unwrap().orders = 70;
}

#[tokio::test]
async fn writes_of_an_outage_are_replayed_in_order_with_the_apis_ids() {
    let shop = Shop::default();
    let (server, address) = taught(&shop).await;
    outage(&server, &shop).await;
    assert_eq!(server.status().await["outbox"], 3);
    let (_, list) = admin(&server, Method::GET, "/admin/outbox", &Value::Null).await;
    let items = list["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["target"], &items[0]["state"]), (3, &json!("/orders"), &json!("waiting")));
    assert_eq!((&items[0]["may_be_processed"], &items[0]["to_give"]), (&json!(false), &json!([])));
    assert!(!list.to_string().contains("s3cret"), "{list}");

    let _upstream = start_at(&shop, address).await;
    support::until("upstream to answer again", || async {
        (send(&server, Method::GET, "/orders/1", Value::Null).await.1 == "upstream").then_some(())
    })
    .await;
    assert_eq!(shop.take_writes(), [], "nothing is sent by itself");
    let (status, replayed) = admin(&server, Method::POST, "/admin/outbox/replay", &json!({})).await;
    assert_eq!((status, &replayed["stopped"], &replayed["waiting"]), (200, &Value::Null, &json!(0)), "{replayed}");
    let expected = [
        ("POST".to_owned(), "/orders".to_owned(), json!({ "customer": "new" })),
        ("POST".to_owned(), "/orders/71/lines".to_owned(), json!({ "orderId": 71, "sku": "sku-9", "count": 4 })),
        ("PUT".to_owned(), "/orders/71".to_owned(), json!({ "customer": "newer" })),
    ];
    assert_eq!(shop.take_writes(), expected);
    let line = &replayed["entries"][1]["result"];
    assert_eq!(line["mapped"][1], json!({ "place": "body /orderId", "from": "4", "to": "71" }), "{line}");
    assert_eq!(server.status().await["outbox"], 0);
    let id = replayed["entries"][0]["id"].as_u64().unwrap();
    let (status, again) = admin(&server, Method::POST, &format!("/admin/outbox/{id}/replay"), &json!({})).await;
    assert_eq!((status, &again["error"]["code"]), (409, &json!("already_replayed")));
    let (status, dropped) = admin(&server, Method::DELETE, "/admin/outbox", &Value::Null).await;
    assert_eq!((status, &dropped["dropped"]), (200, &json!(3)));
    server.stop().await;
}

#[tokio::test]
async fn after_a_restart_the_credentials_have_to_be_given() {
    let shop = Shop::default();
    let (server, address) = taught(&shop).await;
    outage(&server, &shop).await;
    let dir = server.stop().await;
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(6).any(|window| window == b"s3cret"), "a secret is on disk");
    }
    let _upstream = start_at(&shop, address).await;
    let config = support::config(dir.path(), Some(address));
    let server = Server::start_in(dir, config).await;
    let (_, list) = admin(&server, Method::GET, "/admin/outbox", &Value::Null).await;
    assert_eq!(list["items"][0]["to_give"], json!(["header authorization"]), "{list}");
    let path = format!("/admin/outbox/{}/replay", list["items"][0]["id"]);
    let (status, refused) = admin(&server, Method::POST, &path, &json!({})).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("credentials_needed")));
    assert_eq!(refused["error"]["details"]["needs"], json!(["header authorization"]));
    assert_eq!(shop.take_writes(), []);
    let given = json!({ "headers": { "Authorization": SECRET } });
    let (status, replayed) = admin(&server, Method::POST, &path, &given).await;
    assert_eq!((status, &replayed["state"], &replayed["result"]["status"]), (200, &json!("replayed"), &json!(201)));
    let (status, _) = admin(&server, Method::POST, "/admin/outbox/replay", &given).await;
    assert_eq!(status, 200);
    let paths: Vec<String> = shop.take_writes().into_iter().map(|(_, path, _)| path).collect();
    assert_eq!(paths, ["/orders", "/orders/71/lines", "/orders/71"], "the ids outlive the restart");
    server.stop().await;
}

#[tokio::test]
async fn what_the_api_may_have_done_already_is_replayed_only_on_demand() {
    let shop = Shop::default();
    let (server, address) = taught(&shop).await;
    let silent = tokio::net::TcpListener::bind(address).await.unwrap();
    let cut = tokio::spawn(async move {
        loop {
            let (mut stream, _) = silent.accept().await.unwrap();
            let mut read = [0; 1024];
            drop(tokio::io::AsyncReadExt::read(&mut stream, &mut read).await);
        }
    });
    let (status, source, _) = send(&server, Method::POST, "/orders", json!({ "customer": "new" })).await;
    assert_eq!((status, source.as_str()), (201, "twin"));
    cut.abort();
    assert!(cut.await.is_err());
    let _upstream = start_at(&shop, address).await;
    let (_, list) = admin(&server, Method::GET, "/admin/outbox", &Value::Null).await;
    assert_eq!(list["items"][0]["may_be_processed"], true);
    let path = format!("/admin/outbox/{}/replay", list["items"][0]["id"]);
    let (status, refused) = admin(&server, Method::POST, &path, &json!({})).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("may_be_processed")));
    let (status, replayed) = admin(&server, Method::POST, "/admin/outbox/replay", &json!({})).await;
    assert_eq!((status, &replayed["entries"]), (200, &json!([])));
    assert_eq!(shop.take_writes(), []);
    let (status, replayed) = admin(&server, Method::POST, &path, &json!({ "force": true })).await;
    assert_eq!((status, &replayed["state"]), (200, &json!("replayed")));
    assert_eq!(shop.take_writes().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn reads_refusals_and_mock_mode_leave_nothing_behind() {
    let shop = Shop::default();
    let (server, _) = taught(&shop).await;
    send(&server, Method::GET, "/orders/2", Value::Null).await;
    assert_eq!(server.client.post(server.url("/never/seen")).send().await.unwrap().status(), 502);
    server.set_mode("mock").await;
    send(&server, Method::POST, "/orders", json!({ "customer": "pretended" })).await;
    assert_eq!(server.status().await["outbox"], 0);
    for (method, path) in [(Method::GET, "/admin/outbox/99"), (Method::DELETE, "/admin/outbox/99")] {
        let (status, body) = admin(&server, method, path, &Value::Null).await;
        assert_eq!((status, &body["error"]["code"]), (404, &json!("unknown_entry")));
    }
    let (status, _) = admin(&server, Method::POST, "/admin/outbox/x/replay", &json!({})).await;
    assert_eq!(status, 400);
    server.stop().await;
}
