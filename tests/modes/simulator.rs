//! Mode `ipmitool` with the real ipmitool, against `ipmi_sim` of `OpenIPMI`. `tests/ipmi/install` brings both.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use drp_virtual_media::bmc::{
    Bmcs, BootDevice, BootMode, Driver, Identify, Lasting, Limits, Part, Power, PowerState, Target,
};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;
use serde_json::json;
use tempfile::TempDir;

use crate::bench::{limits, target, told, with};

/// A BMC of its own, with a machine behind it that is `tests/ipmi/chassis`. Ended when dropped.
struct Simulator {
    child: Child,
    address: SocketAddr,
    state: TempDir,
}

impl Simulator {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let chassis = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ipmi/chassis");
        let auths = "none md2 md5 straight";
        let lan = format!(
            "name \"bmc\"\nset_working_mc 0x20\n  startlan 1\n    addr 127.0.0.1 {}\n    priv_limit admin\n\
             \x20   allowed_auths_admin {auths}\n    allowed_auths_operator {auths}\n    allowed_auths_user {auths}\n\
             \x20   guid a123456789abcdefa123456789abcdef\n  endlan\n  chassis_control \"{} {}\"\n\
             \x20 user 1 true \"\" \"nobody\" user 10 {auths}\n  user 2 true \"root\" \"calvin\" admin 10 {auths}\n",
            address.port(),
            chassis.display(),
            state.path().display()
        );
        let bmc = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\n\
                   sel_enable 0x20 1000 0x0a\nmc_enable 0x20\n";
        fs::write(state.path().join("lan.conf"), lan).unwrap();
        fs::write(state.path().join("bmc.emu"), bmc).unwrap();
        fs::create_dir(state.path().join("kept")).unwrap();
        let child = Command::new("ipmi_sim")
            .args(["-c", "lan.conf", "-f", "bmc.emu", "-s", "kept", "-n"])
            .current_dir(state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("ipmi_sim is installed: tests/ipmi/install");
        let simulator = Self { child, address, state };
        simulator.await_pong();
        simulator
    }

    /// Pings (ASF 2.0, 3.2.4.3) until the BMC listens.
    fn await_pong(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let ping = [6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 0, 0, 0];
        let answered = (0..600).any(|_| {
            let _ = socket.send_to(&ping, self.address);
            socket.recv_from(&mut [0; 64]).is_ok()
        });
        assert!(answered, "ipmi_sim does not answer");
    }

    fn state(&self, name: &str) -> String {
        fs::read_to_string(self.state.path().join(name)).unwrap_or_default().trim().to_owned()
    }

    fn target(&self) -> Target {
        Target { port: self.address.port(), ..target(Driver::Ipmitool) }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn power(simulator: &Simulator, wanted: Power) -> (PowerState, Option<String>) {
    let powered = with(&Bmcs::new(), simulator.target(), async |bmc| bmc.power(wanted).await).await.unwrap();
    (powered.state, powered.reset_type)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ipmitool and ipmi_sim: tests/run runs it"]
async fn power_is_switched_and_what_is_so_already_is_left() {
    let simulator = Simulator::start();
    let state = async || with(&Bmcs::new(), simulator.target(), async |bmc| bmc.power_state().await).await.unwrap();
    assert_eq!(state().await, PowerState::Off);
    assert_eq!(power(&simulator, Power::Off).await, (PowerState::Off, None));
    // A cycle of a machine that is off brings it up.
    assert_eq!(power(&simulator, Power::Cycle).await, (PowerState::On, Some("On".to_owned())));
    assert_eq!((state().await, simulator.state("power").as_str()), (PowerState::On, "1"));
    assert_eq!(power(&simulator, Power::On).await, (PowerState::On, None));
    assert_eq!(power(&simulator, Power::Cycle).await, (PowerState::On, Some("PowerCycle".to_owned())));
    assert_eq!(power(&simulator, Power::Off).await, (PowerState::Off, Some("ForceOff".to_owned())));
    assert_eq!(simulator.state("changes"), "power 1\npower 0\npower 1\npower 0");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ipmitool and ipmi_sim: tests/run runs it"]
async fn boot_devices_are_set_and_shown() {
    let (simulator, bmcs) = (Simulator::start(), Bmcs::new());
    for (device, name, target) in
        [(BootDevice::Pxe, "pxe", "Pxe"), (BootDevice::Disk, "default", "Hdd"), (BootDevice::Cd, "cdrom", "Cd")]
    {
        for lasting in [Lasting::Once, Lasting::Always] {
            let shown = with(&bmcs, simulator.target(), async |bmc| {
                bmc.boot_from(device, lasting, BootMode::Uefi).await?;
                bmc.read(Part::Boot).await
            });
            // The simulator keeps the device alone, as some BMCs do.
            assert_eq!(shown.await.unwrap()["BootSourceOverrideTarget"], target);
            assert_eq!(simulator.state("boot"), name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ipmitool and ipmi_sim: tests/run runs it"]
async fn the_light_and_the_description_are_to_be_had() {
    let simulator = Simulator::start();
    for (identify, interval) in [
        (Identify::For(Duration::from_secs(30)), "30 0"),
        (Identify::Off, "0 0"),
        (Identify::For(Duration::from_millis(10)), "1 0"),
        (Identify::Usual, "15 0"),
    ] {
        with(&Bmcs::new(), simulator.target(), async |bmc| bmc.identify(identify).await).await.unwrap();
        assert_eq!(simulator.state("identify"), interval);
    }
    let read = async |part| with(&Bmcs::new(), simulator.target(), async |bmc| bmc.read(part).await).await;
    let status = read(Part::Status).await.unwrap();
    assert_eq!((&status["System Power"], &status["PowerState"]), (&json!("off"), &json!("Off")));
    assert!(status["Boot"]["BootSourceOverrideTarget"].is_string(), "{status}");
    let info = read(Part::Info).await.unwrap();
    let controller = &info["ManagementController"];
    assert_eq!((&controller["Firmware Revision"], &controller["IPMI Version"]), (&json!("9.08"), &json!("2.0")));
    assert!(info["Machine"].is_object(), "{info}");
    told(&read(Part::Memory).await.unwrap_err(), 404, &["ipmi/mode to redfish"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ipmitool and ipmi_sim: tests/run runs it"]
async fn what_is_wrong_is_told_for_what_it_is() {
    let simulator = Simulator::start();
    let state = async |target| with(&Bmcs::new(), target, async |bmc| bmc.power_state().await).await.unwrap_err();
    let good = simulator.target();
    let wrong = Target { password: SecretString::from("wrong-secret"), ..good.clone() };
    told(&state(wrong).await, 502, &["RAKP 2 HMAC is invalid", "ipmi/password"]);
    let nobody = Target { username: "mallory".to_owned(), ..good.clone() };
    told(&state(nobody).await, 502, &["unauthorized name", "ipmi/username"]);
    let long = Target { password: SecretString::from("x".repeat(21)), ..good.clone() };
    told(&state(long).await, 400, &["20 bytes"]);
    let unknown = Target { address: "no-such-host.invalid".to_owned(), ..good.clone() };
    told(&state(unknown).await, 502, &["is not found", "ipmi/address"]);

    // Nobody there: ipmitool gives up by itself, after 20 s.
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    told(&state(Target { port: closed, ..good.clone() }).await, 504, &["Get Auth Capabilities", "check address"]);

    // Somebody there who says nothing, and less patience than ipmitool's.
    simulator.signal(Signal::STOP);
    let hasty = Limits { request: Duration::from_secs(1), ..limits() };
    told(&state(Target { limits: hasty, ..good.clone() }).await, 504, &["gave ipmitool no answer within 1 s"]);
    simulator.signal(Signal::CONT);
    let state = with(&Bmcs::new(), good, async |bmc| bmc.power_state().await).await;
    assert_eq!(state.unwrap(), PowerState::Off);
}
