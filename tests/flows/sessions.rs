//! Sessions on a BMC when the process is asked to end in the middle of its work.

use std::io::Write;

use drp_virtual_media_sim::bmc::{Bmc, Fault, Fleet, Matcher, Personality, Quirk};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::site::Site;

/// Makes the BMC take no Basic credentials, and hang in the middle of an operation.
fn hang(bmc: &Bmc) {
    bmc.quirk(Quirk::SessionsOnly);
    bmc.fault(Matcher::any().path_contains("VirtualMedia"), Fault::Hang);
}

async fn until_it_hangs(bmc: &Bmc) {
    bmc.until(|bmc| bmc.requests().iter().any(|request| request.path.contains("VirtualMedia"))).await;
    assert_eq!(bmc.state().sessions, 1);
}

fn terminate(pid: Option<u32>) {
    let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).unwrap())).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_stopped_in_the_middle_leaves_no_session() {
    for signalled in [false, true] {
        let drain = ("VIRTUAL_MEDIA_DRAIN_SECONDS".into(), "1".into());
        let site = Site::start_with(|options| options.env.push(drain)).await;
        let (uuid, bmc) = site.machine(1, Personality::Idrac9).await;
        hang(&bmc);
        let sent = site.server.send_action(&uuid, "statusVirtualMedia", json!({})).unwrap();
        until_it_hangs(&bmc).await;
        if signalled {
            terminate(site.server.pid());
        }
        assert!(site.server.stop().await.unwrap().success());
        assert_eq!(bmc.state().sessions, 0, "{}", site.server.stderr());
        sent.answer().await.unwrap_err();
        site.fleet.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_leaves_no_session_when_it_ends_and_when_it_is_ended() {
    let fleet = Fleet::start().await.unwrap();
    for hangs in [false, true] {
        let bmc = fleet.add(Personality::Idrac9).await.unwrap();
        if hangs {
            hang(&bmc);
        } else {
            bmc.quirk(Quirk::SessionsOnly);
        }
        let mut password = NamedTempFile::new().unwrap();
        write!(password, "{}", bmc.password()).unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_virtual-media"));
        command.args(["bmc", "status", "--address", "127.0.0.1", "--port", &bmc.address().port().to_string()]);
        command.args(["--username", bmc.username(), "--password-file"]).arg(password.path()).kill_on_drop(true);
        let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        if hangs {
            until_it_hangs(&bmc).await;
            terminate(child.id());
        }
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), !hangs, "{said}");
        assert_eq!(said.contains("Error: stopped by a signal"), hangs, "{said}");
        assert_eq!((bmc.state().sessions, bmc.counts().sessions_opened), (0, 1), "{said}");
    }
    fleet.shutdown().await;
}
