//! Mode `lpar` against a simulated console.

use drp_virtual_media::bmc::{
    Bmcs, BootDevice, BootMode, Driver, Error, Fingerprint, Identify, Lasting, Part, Power, PowerState, Target,
    TlsPolicy,
};
use drp_virtual_media_sim::console::{Console, PARTITION, PASSWORD, USERNAME};
use secrecy::SecretString;
use url::Url;

use crate::bench::{target, told, with};

fn partition(console: &Console) -> Target {
    Target {
        port: console.address().port(),
        username: USERNAME.to_owned(),
        password: SecretString::from(PASSWORD),
        ..target(Driver::Lpar { id: PARTITION.to_owned() })
    }
}

async fn power(console: &Console, wanted: Power) -> Result<(PowerState, Option<String>), Error> {
    let powered = with(&Bmcs::new(), partition(console), async |bmc| bmc.power(wanted).await).await?;
    Ok((powered.state, powered.reset_type))
}

#[tokio::test]
async fn power_is_switched_by_jobs_and_every_session_is_ended() {
    let console = Console::start().await.unwrap();
    assert_eq!(power(&console, Power::Off).await.unwrap(), (PowerState::Off, None));
    assert_eq!(power(&console, Power::Cycle).await.unwrap(), (PowerState::On, Some("On".to_owned())));
    assert_eq!(power(&console, Power::On).await.unwrap(), (PowerState::On, None));
    assert_eq!(power(&console, Power::Cycle).await.unwrap(), (PowerState::On, Some("PowerCycle".to_owned())));
    assert_eq!(power(&console, Power::Off).await.unwrap(), (PowerState::Off, Some("ForceOff".to_owned())));
    assert_eq!(console.jobs(), ["PowerOn", "PowerOff restart", "PowerOff"]);
    assert_eq!(console.sessions(), (0, 5));
}

#[tokio::test]
async fn a_state_that_is_neither_on_nor_off_is_told() {
    let console = Console::start().await.unwrap();
    let state = async || with(&Bmcs::new(), partition(&console), async |bmc| bmc.power_state().await).await;
    for (shown, known) in
        [("running", PowerState::On), ("starting", PowerState::On), ("not activated", PowerState::Off)]
    {
        console.set_state(shown);
        assert_eq!(state().await.unwrap(), known, "{shown}");
    }
    console.set_state("not available");
    told(&state().await.unwrap_err(), 409, &["not available", "console"]);
    assert_eq!(console.sessions().0, 0, "a session is ended after an error too");
    let info = with(&Bmcs::new(), partition(&console), async |bmc| bmc.read(Part::Info).await).await.unwrap();
    assert_eq!((&info["PartitionName"], &info["PartitionState"]), (&"b1p052".into(), &"not available".into()));
}

#[tokio::test]
async fn a_job_that_fails_says_why() {
    let console = Console::start().await.unwrap();
    console.fail_jobs("HSCL03F4 There are not enough processing resources available");
    told(&power(&console, Power::On).await.unwrap_err(), 502, &["PowerOn", "HSCL03F4"]);
    assert_eq!(console.sessions().0, 0);
}

#[tokio::test]
async fn what_is_wrong_names_its_parameter() {
    let console = Console::start().await.unwrap();
    let state = async |target| with(&Bmcs::new(), target, async |bmc| bmc.power_state().await).await.unwrap_err();
    let good = partition(&console);
    let wrong = Target { password: SecretString::from("wrong-secret"), ..good.clone() };
    told(&state(wrong).await, 502, &["not valid", "ipmi/password"]);
    let unknown = Driver::Lpar { id: PARTITION.replace('4', "5") };
    told(&state(Target { driver: unknown, ..good.clone() }).await, 400, &["ipmi/lpar-id"]);
    let before = console.requests().len();
    let number = Driver::Lpar { id: "7".to_owned() };
    told(&state(Target { driver: number, ..good.clone() }).await, 400, &["no UUID", "ipmi/lpar-id"]);
    assert_eq!(console.requests().len(), before);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    told(&state(Target { port: closed, ..good }).await, 502, &["could not be connected to", "refused"]);
    assert_eq!(console.sessions().0, 0);
}

#[tokio::test]
async fn the_certificate_is_reported_and_a_pin_is_kept() {
    let console = Console::start().await.unwrap();
    let operation = drp_virtual_media::operation::Operation::unwatched();
    let first = Target { tls: TlsPolicy::Pin(None), ..partition(&console) };
    let bmcs = Bmcs::new();
    let seen = bmcs.open(first, &operation).await.unwrap().identity().fingerprint.unwrap();
    assert_eq!(seen.to_string().replace(':', ""), console.certificate_sha256());
    let other = Target { tls: TlsPolicy::Pin(Some(Fingerprint::of(b"another"))), ..partition(&console) };
    let error = with(&bmcs, other, async |bmc| bmc.power_state().await).await.unwrap_err();
    told(&error, 502, &["pinned"]);
    assert_eq!(console.sessions(), (0, 0), "the password was sent to nobody");
}

#[tokio::test]
async fn what_a_console_cannot_do_names_the_mode_that_can() {
    let console = Console::start().await.unwrap();
    let bmcs = Bmcs::new();
    let image = Url::parse("http://h/x.iso").unwrap();
    let pxe = (BootDevice::Pxe, Lasting::Once, BootMode::Uefi);
    let errors = [
        with(&bmcs, partition(&console), async |bmc| bmc.media().await.map(|_| ())).await,
        with(&bmcs, partition(&console), async |bmc| bmc.mount(&image).await.map(|_| ())).await,
        with(&bmcs, partition(&console), async |bmc| bmc.boot_from(pxe.0, pxe.1, pxe.2).await).await,
        with(&bmcs, partition(&console), async |bmc| bmc.identify(Identify::Usual).await.map(drop)).await,
        with(&bmcs, partition(&console), async |bmc| bmc.read(Part::Bios).await.map(|_| ())).await,
    ];
    for error in errors {
        told(&error.unwrap_err(), 404, &["in mode lpar", "ipmi/mode to redfish"]);
    }
}
