//! A Gateway in a whole lab: checked, served with a certificate of the lab's CA, reloaded.

use crate::eventually;
use crate::support::lab::Lab;

/// A Gateway with one route; `more` is added to the route's rule.
fn shop(host: &str, more: &str) -> String {
    format!(
        r#"apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: shop }}
spec:
  gatewayClassName: lab
  listeners:
  - {{ name: http, port: 80, protocol: HTTP, hostname: "{host}" }}
  - name: https
    port: 443
    protocol: HTTPS
    hostname: "{host}"
    tls: {{ certificateRefs: [{{ name: shop-tls }}] }}
  - {{ name: odd, port: 8090, protocol: HTTP }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{ name: shop }}
spec:
  parentRefs: [{{ name: shop }}]
  rules:
  - backendRefs: [{{ name: web, port: 80 }}]
    {more}
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_serves_a_gateway_and_reloads_it() {
    for controller in ["traefik", "nginx"] {
        let pod = crate::ingress_support::echo_pod().await;
        let lab = Lab::new(
            "process",
            &format!(
                "manifests = [\"*.yaml\"]\ncloudforet.enabled = false\n\
                 [ingress]\ncontroller = \"{controller}\"\n\
                 [services.web]\nport = 80\nendpoints = [\"{pod}\"]\n"
            ),
        );
        lab.file("shop.yaml", &shop("*.shop.localhost", ""));
        let checked = lab.ok(&["check"]);
        assert!(checked.contains("HTTPRoute shop: * at shop"), "{checked}");
        lab.up();
        let status = lab.status();
        let certificate = &status["certificates"][0];
        assert_eq!(certificate["secret"], "shop-tls");
        assert_eq!(certificate["ingresses"][0], "Gateway shop");
        assert_eq!(certificate["hosts"][0], "*.shop.localhost");
        let gateway = &status["gateways"][0];
        assert_eq!(gateway["listeners"][1], "HTTPS 443 *.shop.localhost");
        assert_eq!(gateway["routes"][0], "HTTPRoute shop");
        let reports = status["reports"].to_string();
        assert!(reports.contains("PortUnavailable"), "{reports}");

        let secure = gateway["addresses"][1].as_str().unwrap();
        let port = secure.rsplit(':').next().unwrap().to_owned();
        let url = format!("https://web.shop.localhost:{port}/cart");
        let answer = lab.https().get(&url).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().starts_with("GET /cart"), "{}", answer.text());

        let filter = "filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: \
                      [{ name: x-new, value: yes-it-is }] } }]";
        lab.file("shop.yaml", &shop("*.shop.localhost", filter));
        let told = lab.ok(&["reload"]);
        assert!(told.contains("HTTPRoute shop changed"), "{told}");
        eventually!("the new rule counts", {
            let answer = lab.https().get(&url).await.unwrap();
            answer.text().contains("x-new: yes-it-is").then_some(())
        });
        lab.down();
    }
}
