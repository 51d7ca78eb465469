//! Workflows and the agent that walks through them.

use drp_virtual_media_sim::dr_provision::AgentStop;
use serde_json::json;

use crate::client::{Client, in_time};

#[tokio::test]
async fn an_action_before_the_bootenv_has_run_when_the_agent_reboots() {
    in_time(async {
        let client = Client::with_plugin().await;
        let params = json!({ "ipmi/virtual-media-url": "http://127.0.0.1/x.iso", "ipmi/virtual-media-boot": true });
        let uuid = client.server.add_machine(&json!({ "Name": "m1", "Params": params })).unwrap();
        client.server.change_machine(&uuid, |machine| machine["Workflow"] = json!("sim-boot")).unwrap();
        assert_eq!(client.server.machine(&uuid)["BootEnv"], "local");

        let run = client.server.run_agent_once(&uuid).await.unwrap();
        assert_eq!((run.tasks, run.stop), (vec!["gohai".to_owned()], AgentStop::Reboot { next_boot_pxe: true }));
        assert_eq!(client.server.machine(&uuid)["BootEnv"], "sledgehammer");
        let said: Vec<_> = client.server.log_lines().iter().map(|line| line["Message"].clone()).collect();
        assert_eq!(said, ["configured", "mountVirtualMedia", "nextbootpxe"]);

        let run = client.server.run_agent_once(&uuid).await.unwrap();
        assert_eq!((run.tasks, run.stop), (vec!["gohai".to_owned()], AgentStop::Done));
        assert_eq!(client.server.machine(&uuid)["WorkflowComplete"], true);
        let (_, jobs) = client.get(&format!("jobs?Machine={uuid}&sort=CurrentIndex")).await;
        let done: Vec<_> = jobs.as_array().unwrap().iter().map(|job| (&job["Task"], &job["State"])).collect();
        let finished = json!("finished");
        assert_eq!(
            done,
            [
                (&json!("action:sim:mountVirtualMedia"), &finished),
                (&json!("gohai"), &finished),
                (&json!("gohai"), &finished)
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_failed_action_stops_the_machine_and_is_tried_again_when_it_may_run() {
    in_time(async {
        let client = Client::start_with(|options| {
            options.program(crate::client::PLUGIN).provider("sim").feature("auto-boot-target")
        })
        .await;
        let uuid = client.server.add_machine(&json!({ "Name": "m1" })).unwrap();
        client.server.change_machine(&uuid, |machine| machine["Workflow"] = json!("sim-fail")).unwrap();
        for _ in 0..2 {
            let run = client.server.run_agent_once(&uuid).await.unwrap();
            let log = "Action fail validation failed:\nrpc: plugin/sim: told to fail\n".to_owned();
            assert_eq!((run.tasks, run.stop), (vec![], AgentStop::Failed(log)));
            assert_eq!(client.server.run_agent_once(&uuid).await.unwrap_err().code, 409);
            client.server.change_machine(&uuid, |machine| machine["Runnable"] = json!(true)).unwrap();
        }
        client.server.change_machine(&uuid, |machine| machine["Workflow"] = json!("")).unwrap();
        assert_eq!(client.server.run_agent_once(&uuid).await.unwrap().stop, AgentStop::Done);
    })
    .await;
}
