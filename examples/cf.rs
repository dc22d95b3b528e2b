//! scratch
use lab::cloudforet::{Settings, identity, inventory, telemetry};
fn main() {
    telemetry::init_log();
    let which = std::env::args().nth(1).unwrap();
    let listen = std::env::args().nth(2).unwrap();
    let settings: Settings = serde_json::from_str(&std::env::var("LAB_SETTINGS").unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await.unwrap();
        let (_trigger, shutdown) = lab::net::Trigger::new();
        let emitter = telemetry::Emitter::stdout();
        let t = tokio::spawn(async move {
            match which.as_str() {
                "identity" => identity::serve(listener, settings, emitter, shutdown)
                    .await
                    .unwrap(),
                _ => inventory::serve(listener, settings, emitter, shutdown)
                    .await
                    .unwrap(),
            }
        });
        tokio::signal::ctrl_c().await.unwrap();
        _trigger.trigger();
        t.await.unwrap();
    });
}
