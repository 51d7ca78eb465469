//! Two mechanisms on one server: which of them acts on a machine is decided by a Param, and said.

use drp_virtual_media_sim::bmc::Personality;
use serde_json::{Value, json};

use crate::site::{Site, images};

const BUILT_IN: &str = "virtual-media-boot";

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_mechanism_acts_on_a_machine() {
    let cases = [
        (false, "auto", true, "plugin"),
        (true, "auto", true, "server"),
        (true, "plugin", false, "plugin"),
        (true, "server", true, "server"),
    ];
    for (built_in, wanted, requested, acts) in cases {
        let case = format!("built in: {built_in}, {wanted}, boot-virtual-iso: {requested}");
        let site = Site::start_with(|options| if built_in { options.feature(BUILT_IN) } else { options }).await;
        let (machine, bmc) = site.machine_without_request(Personality::Ilo5).await;
        site.server.set_param(&machine, "virtual-media/mechanism", json!(wanted)).unwrap();
        if requested {
            site.server.set_param(&machine, "boot-virtual-iso", json!(true)).unwrap();
        }
        site.server.set_bootenv(&machine, "sledgehammer").unwrap();
        site.until_state(&machine, |state| state["Mechanism"] == acts && state["BootEnv"] == "sledgehammer").await;
        if acts == "plugin" {
            site.until_phase(&machine, "Mounted").await;
        }
        let expected = if acts == "plugin" { vec![site.url(&machine)] } else { Vec::new() };
        assert_eq!(images(&bmc), expected, "{case}");
        if acts == "server" {
            assert_eq!(bmc.requests().len(), 0, "{case}");
        }
        site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_would_act_or_nobody_the_operator_is_told() {
    let cases = [(true, "plugin", "both would work on the BMC"), (false, "server", "nobody acts")];
    for (built_in, wanted, told) in cases {
        let site = Site::start_with(|options| if built_in { options.feature(BUILT_IN) } else { options }).await;
        let (machine, bmc) = site.machine(Personality::Ilo5).await;
        site.server.set_param(&machine, "virtual-media/mechanism", json!(wanted)).unwrap();
        site.server.set_bootenv(&machine, "sledgehammer").unwrap();
        let says = |text: &Value| text.as_str().is_some_and(|text| text.contains(told));
        site.until_state(&machine, |state| says(&state["LastError"])).await;
        site.until("the server's log", |site| {
            site.server.log_lines().iter().any(|line| line.to_string().contains(told))
        })
        .await;
        assert_eq!(bmc.requests().len(), 0, "{wanted}");
        site.end().await;
    }
}
