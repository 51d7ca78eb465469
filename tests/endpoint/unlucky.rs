//! What operators meet on a bad day. Each error says in one sentence what was being done, on which machine and BMC, what came
//! back and what to do next; in the answer, and once in the log.

use drp_virtual_media_sim::bmc::{Bmc, Fault, Matcher, Personality};
use drp_virtual_media_sim::console::{self, Console};
use serde_json::{Value, json};

use crate::programs::Programs;
use crate::site::Site;

/// The password in every call that has a wrong one.
const WRONG: &str = "wrong-secret";

struct Surroundings {
    site: Site,
    programs: Programs,
    console: Console,
}

/// What is wrong, how it gets wrong, the call, and the parts of the error in their order.
struct Case {
    name: &'static str,
    prepare: fn(&Surroundings, &Bmc),
    command: &'static str,
    params: Value,
    code: u16,
    told: Vec<&'static str>,
}

fn case(name: &'static str, command: &'static str, params: Value, code: u16, told: &[&'static str]) -> Case {
    Case { name, prepare: |_, _| {}, command, params, code, told: told.to_vec() }
}

fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn of_redfish() -> Vec<Case> {
    let image = json!({"ipmi/virtual-media-url": "http://127.0.0.1:9/x.iso"});
    let cannot_fetch = [
        "inserting http://127.0.0.1:9/x.iso in slot",
        "BMC 127.0.0.1",
        "answered 400 Bad Request to POST",
        "; check that the BMC itself can fetch the image from 127.0.0.1:9",
    ];
    let refuses = ["connecting: BMC 127.0.0.1", "refuses user \"root\"", "401", "; check the user name and password"];
    let says_nothing = [
        "connecting: BMC 127.0.0.1",
        "did not answer GET /redfish/v1/Systems within 1 s",
        "; it accepts connections but its web service hangs: restart the BMC",
    ];
    let nobody = ["connecting: BMC 127.0.0.1", "could not be connected to: Connection refused", "; check the address"];
    let no_name = [
        "connecting: BMC bmc-17.invalid",
        "`bmc-17.invalid` has no address",
        "; check the address (a name must resolve",
    ];
    let silent = Case {
        prepare: |_, bmc| bmc.fault(Matcher::any(), Fault::Hang),
        ..case("a silent BMC", "powerstatus", json!({"virtual-media/request-timeout": 1}), 504, &says_nothing)
    };
    vec![
        case("a wrong password", "powerstatus", json!({"ipmi/password": WRONG}), 502, &refuses),
        silent,
        case("nobody there", "powerstatus", json!({"ipmi/port-redfish": closed_port()}), 502, &nobody),
        case("an unknown name", "powerstatus", json!({"ipmi/address": "bmc-17.invalid"}), 502, &no_name),
        case("an image out of the BMC's reach", "mountVirtualMedia", image, 502, &cannot_fetch),
    ]
}

fn of_racadm() -> Vec<Case> {
    let racadm = |more: Value| {
        let mut params = json!({"ipmi/mode": "racadm", "ipmi/username": "root", "ipmi/password": "calvin",
            "ipmi/virtual-media-url": "http://127.0.0.1:9/x.iso", "virtual-media/mount-timeout": 1});
        params.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        params
    };
    let refuses =
        ["reading its power state: BMC 127.0.0.1 refuses user \"root\"", "Login failed", "; check the user name"];
    let unreachable = ["mounting http://127.0.0.1:9/x.iso: BMC 127.0.0.1 cannot be reached", "; check ipmi/address"];
    let cannot_fetch = [
        "inserting http://127.0.0.1:9/x.iso in remoteimage: BMC 127.0.0.1 accepted it",
        "did not come to show http://127.0.0.1:9/x.iso within 1 s; nothing is shared",
        "; check that the BMC itself can fetch the image",
    ];
    let wordless = ["mounting http://127.0.0.1:9/x.iso: BMC 127.0.0.1 did not do it", "nothing; run racadm by hand"];
    let mount = |name, prepare, code, told: &[&'static str]| Case {
        prepare,
        ..case(name, "mountVirtualMedia", racadm(json!({})), code, told)
    };
    vec![
        case("racadm: a wrong password", "powerstatus", racadm(json!({"ipmi/password": WRONG})), 502, &refuses),
        mount("racadm: nobody there", |all, _| all.programs.fail("racadm", "unreachable"), 502, &unreachable),
        mount("racadm: an image out of reach", |all, _| all.programs.fail("racadm", "unfetched"), 504, &cannot_fetch),
        mount("racadm: no word", |all, _| all.programs.fail("racadm", "silent-failure"), 502, &wordless),
    ]
}

fn of_the_console(console: &Console) -> Vec<Case> {
    let console = |more: Value| {
        let mut params = json!({"ipmi/mode": "lpar", "ipmi/username": console::USERNAME,
            "ipmi/password": console::PASSWORD, "ipmi/port-lpar": console.address().port(),
            "ipmi/lpar-id": console::PARTITION});
        params.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        params
    };
    let refuses =
        ["reading its power state: BMC 127.0.0.1", "refuses user \"hscroot\"", "not valid; check the user name"];
    let unknown = ["BMC 127.0.0.1", "knows no such partition; it answered 404", "does not exist; check ipmi/lpar-id"];
    let nobody =
        ["connecting to the console (HMC): BMC 127.0.0.1", "could not be connected to: Connection refused", "; check"];
    let fails = ["turning the machine on: BMC 127.0.0.1", "job PowerOn", "HSCL03F4", "; look at the partition"];
    let another = console::PARTITION.replace('4', "5");
    vec![
        case("HMC: a wrong password", "powerstatus", console(json!({"ipmi/password": WRONG})), 502, &refuses),
        case("HMC: another's partition", "powerstatus", console(json!({"ipmi/lpar-id": another})), 400, &unknown),
        case("HMC: nobody there", "powerstatus", console(json!({"ipmi/port-lpar": closed_port()})), 502, &nobody),
        Case {
            prepare: |all, _| all.console.fail_jobs("HSCL03F4 There are not enough processing resources available."),
            ..case("HMC: a job that fails", "poweron", console(json!({})), 502, &fails)
        },
    ]
}

fn of_the_server() -> Vec<Case> {
    let sledgehammer = json!({"virtual-media/bootenv": "sledgehammer"});
    let in_the_way = ["writing below ", "dynamic_isos: it is a symbolic link or no directory; remove it"];
    let no_bootenv = ["the server has no BootEnv nope; name one that it has in virtual-media/bootenv"];
    let no_media =
        ["BootEnv local cannot be booted through virtual media", "; name one of them in virtual-media/bootenv"];
    vec![
        case("no such BootEnv", "generateVirtualMedia", json!({"virtual-media/bootenv": "nope"}), 400, &no_bootenv),
        case(
            "a BootEnv of no medium",
            "generateVirtualMedia",
            json!({"virtual-media/bootenv": "local"}),
            404,
            &no_media,
        ),
        // Permissions do not stop root, which tests may be; a file in the directory's place stops everybody.
        Case {
            prepare: |all, _| std::fs::write(all.site.webroot.path().join("dynamic_isos"), "in the way").unwrap(),
            ..case("images cannot be written", "generateVirtualMedia", sledgehammer, 409, &in_the_way)
        },
    ]
}

/// Whether the parts are in the text, one after the other.
fn in_order(text: &str, parts: &[&str]) -> bool {
    let mut rest = text;
    parts.iter().all(|part| rest.split_once(part).inspect(|(_, after)| rest = after).is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_is_one_sentence_that_an_operator_can_act_on() {
    let (programs, console) = (Programs::new(), Console::start().await.unwrap());
    let all = Surroundings { site: programs.site().await, programs, console };
    let cases = [of_redfish(), of_racadm(), of_the_console(&all.console), of_the_server()];
    for Case { name, prepare, command, params, code, told } in cases.into_iter().flatten() {
        let (machine, bmc) = all.site.machine_without_request(Personality::Idrac9).await;
        prepare(&all, &bmc);
        let error = all.site.server.action(&machine, command, params).await.expect_err(name);
        assert_eq!((error.code, error.messages.len()), (code, 1), "{name}: {error}");
        let said = &error.messages[0];
        assert!(said.starts_with(&format!("machine m.example.net ({machine}): ")), "{name}: {said}");
        assert!(in_order(said, &told), "{name}: {said}");
        for never in ["\n", WRONG, "calvin", &bmc.password(), console::PASSWORD, ".;", "error sending request"] {
            assert!(!said.contains(never), "{name}: {never:?} is in {said}");
        }
        all.site.until_told(said).await;
        assert_eq!(all.site.times_told(said), 1, "{name}");
    }
    assert!(!all.site.server.stderr().contains(WRONG));
    all.site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_installed_is_named_with_its_package() {
    let empty = tempfile::tempdir().unwrap();
    let site = Site::start_with(|options| options.env("PATH", empty.path())).await;
    let (machine, _bmc) = site.machine_without_request(Personality::Idrac9).await;
    for (mode, package) in
        [("ipmitool", "the package ipmitool"), ("racadm", "srvadmin-idracadm7"), ("racadmn", "srvadmin")]
    {
        let error = site.server.action(&machine, "powerstatus", json!({"ipmi/mode": mode})).await.unwrap_err();
        let program = mode.trim_end_matches('n');
        let missing =
            format!("BMC 127.0.0.1 cannot be asked in mode {program}: the program {program} is not installed");
        let way_out = "on the provisioning server, or set ipmi/mode to redfish";
        assert_eq!(error.code, 404, "{error}");
        assert!(in_order(&error.messages[0], &["m.example.net", &missing, "; install ", package, way_out]), "{error}");
        site.until_told(&error.messages[0]).await;
    }
    site.end().await;
}
