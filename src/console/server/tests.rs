use super::*;
use crate::app::console::home::Home;
use crate::app::runner::Works;
use crate::console::guard::Address;
use crate::console::routes::look;
use crate::console::signing::Signing;
use crate::console::sites::Sites;

fn broken(_: &mut Ask) -> Result<crate::console::reply::Reply, crate::console::reply::Wrong> {
    panic!("a page's function with a fault of ours")
}

#[test]
fn a_page_that_breaks_breaks_alone() {
    let console = Arc::new(Console {
        sites: Sites::open(Vec::new()).unwrap(),
        address: Address::new("127.0.0.1:8080".parse().unwrap(), false, None),
        home: Home::default(),
        sessions: std::sync::Mutex::default(),
        signing: Signing::default(),
        works: Works::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..2 {
            let request = Request::builder().uri("/x").header("host", "127.0.0.1:8080");
            let request = request.body(Body::empty()).unwrap();
            let route = Ok(look("/x", broken).needs(None));
            let answer = answer(Arc::clone(&console), route, Fields::default(), request).await;
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.headers()["content-security-policy"], POLICY);
            let page = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            let page = String::from_utf8_lossy(&page).into_owned();
            assert!(page.contains("<h1>") && !page.contains("fault of ours"), "{page}");
        }
    });
}
