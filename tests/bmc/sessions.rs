//! BMCs that take no Basic credentials: one session an operation, and none left, whatever becomes of it.

use std::time::Duration;

use drp_virtual_media::bmc::{Bmcs, Error, Target};
use drp_virtual_media::operation::Operation;
use drp_virtual_media_sim::bmc::{Bmc, Credentials, Fault, Matcher, Personality, Quirk, Request};
use secrecy::SecretString;

use crate::bench::{Bench, smallest, target, told};
use crate::tls::Log;

async fn without_basic(bench: &Bench, personality: Personality) -> Bmc {
    let bmc = bench.bmc(personality).await;
    bmc.quirk(Quirk::SessionsOnly);
    bmc
}

fn is_login(request: &Request) -> bool {
    request.method == "POST" && request.path.trim_end_matches('/').ends_with("Sessions")
}

fn with(bmc: &Bmc, credentials: Credentials) -> usize {
    bmc.requests().iter().filter(|request| request.credentials == credentials).count()
}

async fn mount(bench: &Bench, bmc: &Bmc) -> Result<(), Error> {
    let operation = Operation::unwatched();
    bench.bmcs.open(target(bmc), &operation).await?.mount(&bench.image_for(bmc)).await.map(|_| ())
}

#[tokio::test]
async fn one_session_serves_an_operation_and_none_is_left() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = without_basic(&bench, *personality).await;
        let connections = bmc.connections();
        mount(&bench, &bmc).await.unwrap_or_else(|error| panic!("{personality}: {error}"));
        bench.bmcs.let_go().await;
        assert_eq!((bmc.state().sessions, bmc.counts().sessions_opened), (0, 1), "{personality}");
        assert_eq!(with(&bmc, Credentials::Basic), 1, "{personality}");
        assert_eq!(bmc.connections() - connections, 1, "{personality}");

        // The next one knows, and one whose BMC takes Basic again goes on with what works.
        bmc.clear_requests();
        smallest(&bench.bmcs, target(&bmc)).await.unwrap();
        bench.bmcs.let_go().await;
        assert_eq!((bmc.state().sessions, bmc.counts().sessions_opened), (0, 2), "{personality}");
        assert_eq!(with(&bmc, Credentials::Basic), 0, "{personality}");
    }
}

#[tokio::test]
async fn a_session_costs_a_login_and_a_logout_and_once_what_teaches_that() {
    let bench = Bench::start().await;
    let cost = async |bmc: &Bmc| {
        bmc.clear_requests();
        smallest(&bench.bmcs, target(bmc)).await.unwrap();
        bench.bmcs.let_go().await;
        bmc.requests().len()
    };
    for personality in Personality::ALL {
        let (basic, session) = (bench.bmc(*personality).await, without_basic(&bench, *personality).await);
        // At first a refusal and the service root as well.
        for more in [4, 2] {
            assert_eq!(cost(&session).await, cost(&basic).await + more, "{personality}");
        }
        assert_eq!(basic.counts().sessions_opened, 0, "{personality}");
    }
}

#[tokio::test]
async fn a_failure_leaves_no_session() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        let bmc = without_basic(&bench, *personality).await;
        bmc.fault(Matcher::any().path_contains("Systems/"), Fault::status(500));
        mount(&bench, &bmc).await.unwrap_err();
        bench.bmcs.let_go().await;
        assert_eq!((bmc.state().sessions, bmc.counts().sessions_opened), (0, 1), "{personality}");
    }
}

#[tokio::test]
async fn a_cancel_leaves_no_session_even_in_the_login() {
    let bench = Bench::start().await;
    for personality in Personality::ALL {
        // In the login itself the BMC opens the session after the caller has gone.
        let late = Fault::Delay(Duration::from_millis(50));
        for (matcher, fault) in [
            (Matcher::any().path_contains("Systems/"), Fault::Hang),
            (Matcher::any().method("POST").path_ends("Sessions"), late),
        ] {
            let bmc = without_basic(&bench, *personality).await;
            let in_login = fault != Fault::Hang;
            bmc.fault(matcher, fault);
            let there =
                |request: &Request| if in_login { is_login(request) } else { request.path.contains("Systems/") };
            tokio::select! {
                done = mount(&bench, &bmc) => panic!("{personality}: {done:?}"),
                () = bmc.until(|bmc| bmc.requests().iter().any(there)) => {}
            }
            bench.bmcs.let_go().await;
            assert_eq!((bmc.state().sessions, bmc.counts().sessions_opened), (0, 1), "{personality}: {in_login}");
        }
    }
}

#[tokio::test]
async fn neither_a_cancel_nor_a_failure_at_any_request_leaves_a_session() {
    let bench = Bench::start().await;
    for (method, part) in [("GET", "/"), ("POST", "/Actions/")] {
        for fault in [Fault::Hang, Fault::status(500)] {
            let cancels = fault == Fault::Hang;
            for nth in 1.. {
                let bmc = without_basic(&bench, Personality::Generic).await;
                bmc.fault(Matcher::any().method(method).path_contains(part).nth(nth).times(1), fault.clone());
                let hits = |bmc: &Bmc| {
                    let hit = |request: &&Request| request.method == method && request.path.contains(part);
                    bmc.requests().iter().filter(hit).count()
                };
                tokio::select! {
                    done = mount(&bench, &bmc) => assert!(done.is_ok() || !cancels, "{method} {nth}: {done:?}"),
                    () = bmc.until(|bmc| hits(bmc) >= nth), if cancels => {}
                }
                bench.bmcs.let_go().await;
                assert_eq!(bmc.state().sessions, 0, "{method} {nth}, {fault:?}");
                if hits(&bmc) < nth {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_session_is_deleted_before_the_next_turn_begins() {
    let bench = Bench::start().await;
    let bmc = without_basic(&bench, Personality::Generic).await;
    bmc.alter(|profile| profile.http.session_limit = 1);
    let slow = Fault::Delay(Duration::from_millis(20));
    bmc.fault(Matcher::any().method("DELETE"), slow);
    let all = (0..4).map(|_| smallest(&bench.bmcs, target(&bmc)));
    for done in futures_util::future::join_all(all).await {
        done.unwrap();
    }
    bench.bmcs.let_go().await;
    let logins: Vec<_> = bmc.requests().into_iter().filter(is_login).map(|login| login.status).collect();
    assert_eq!(logins, [Some(201); 4]);
    assert_eq!(bmc.state().sessions, 0);
}

#[tokio::test]
async fn a_session_that_is_ended_from_elsewhere_is_replaced_once() {
    let bench = Bench::start().await;
    for (times, works) in [(1, true), (9, false)] {
        let bmc = without_basic(&bench, Personality::Generic).await;
        bmc.fault(Matcher::any().path_contains("VirtualMedia").times(times), Fault::status(401));
        assert_eq!(mount(&bench, &bmc).await.is_ok(), works);
        bench.bmcs.let_go().await;
        assert_eq!((bmc.state().sessions, bmc.counts().sessions_opened), (0, 2));
    }
}

/// Field complaint 6: all sessions of an iDRAC are taken, which it says as RAC0218.
#[tokio::test]
async fn taken_sessions_are_waited_for_told_and_got_around_by_basic() {
    let bench = Bench::start().await;
    let full = r#"{"error": {"@Message.ExtendedInfo": [{"MessageId": "IDRAC.2.8.RAC0218",
        "Message": "The maximum number of user sessions is reached."}]}}"#;
    let taken = |status| Fault::Status(status, full.to_owned());
    let login = || Matcher::any().method("POST").path_ends("Sessions");
    for status in [400, 503] {
        let bmc = without_basic(&bench, Personality::Idrac9).await;
        bmc.fault(login().times(2), taken(status));
        smallest(&bench.bmcs, target(&bmc)).await.unwrap();

        // For good, and known to want a session: the error is that of the login.
        bmc.fault(login(), taken(status));
        bmc.clear_requests();
        let error = smallest(&bench.bmcs, target(&bmc)).await.unwrap_err();
        let parts = ["answered ", "to POST /redfish/v1/", "RAC0218", "all its sessions are taken: log others out"];
        told(&error, 503, &parts);
        let logins = bmc.requests().iter().filter(|request| is_login(request)).count();
        assert!((2..=6).contains(&logins), "{logins}");
    }

    // Where Basic is taken in the meantime, it goes on with that.
    let bmc = without_basic(&bench, Personality::Idrac9).await;
    smallest(&bench.bmcs, target(&bmc)).await.unwrap();
    bmc.alter(|profile| profile.http.basic = true);
    bmc.fault(login(), taken(503));
    smallest(&bench.bmcs, target(&bmc)).await.unwrap();

    let bmc = without_basic(&bench, Personality::Generic).await;
    bmc.alter(|profile| profile.http.session_limit = 0);
    let error = smallest(&bench.bmcs, target(&bmc)).await.unwrap_err();
    told(&error, 503, &["SessionLimitExceeded", "all its sessions are taken"]);
}

/// Field complaint 7: the logout works, and is answered by 401.
#[tokio::test]
async fn a_logout_that_answers_401_is_no_trouble() {
    let bench = Bench::start().await;
    for (status, warnings) in [(401, 0), (404, 0), (500, 1)] {
        let bmc = without_basic(&bench, Personality::Generic).await;
        bmc.fault(Matcher::any().method("DELETE"), Fault::status(status));
        let log = Log::default();
        let logging = log.start();
        smallest(&bench.bmcs, target(&bmc)).await.unwrap();
        bench.bmcs.let_go().await;
        drop(logging);
        assert_eq!(log.text().matches("a session is left on the BMC").count(), warnings, "{status}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_by_one_request_as_soon_as_it_is_known_which() {
    let bench = Bench::start().await;
    let wrong = |bmc: &Bmc| Target { password: SecretString::from("wrong-secret"), ..target(bmc) };
    let refused = async |bmcs: &Bmcs, bmc: &Bmc| {
        bmc.clear_requests();
        let error = smallest(bmcs, wrong(bmc)).await.unwrap_err();
        told(&error, 502, &["refuses user \"root\"", "401 Unauthorized", "ipmi/username, ipmi/password"]);
        assert!(!error.to_string().contains("wrong-secret"), "{error}");
        bmc.requests().iter().filter(|request| request.status == Some(401)).count()
    };
    for personality in Personality::ALL {
        let bmc = without_basic(&bench, *personality).await;
        assert_eq!(refused(&bench.bmcs, &bmc).await, 2, "{personality}");
        smallest(&bench.bmcs, target(&bmc)).await.unwrap();
        assert_eq!(refused(&bench.bmcs, &bmc).await, 1, "{personality}");
        bench.bmcs.let_go().await;
        assert_eq!(bmc.state().sessions, 0, "{personality}");
    }
}

#[tokio::test]
async fn a_bmc_with_neither_basic_nor_sessions_refuses_the_credentials() {
    let bench = Bench::start().await;
    let bmc = without_basic(&bench, Personality::Generic).await;
    bmc.quirk(Quirk::NoSessions);
    told(&smallest(&bench.bmcs, target(&bmc)).await.unwrap_err(), 502, &["refuses user \"root\"", "401 Unauthorized"]);
}

#[tokio::test]
async fn neither_password_nor_token_reaches_a_log_or_an_error() {
    let bench = Bench::start().await;
    let bmc = without_basic(&bench, Personality::Generic).await;
    bmc.set_password("very-secret");
    let log = Log::default();
    let logging = log.start();
    mount(&bench, &bmc).await.unwrap();
    bench.bmcs.let_go().await;
    drop(logging);
    let own = log.text().lines().filter(|line| !line.contains("rustls")).map(str::to_owned).collect::<Vec<_>>();
    assert!(own.iter().any(|line| line.contains("logged out")), "nothing was logged");
    for line in own {
        assert!(!line.contains("very-secret"), "{line}");
        // A token is 32 hexadecimal digits.
        let longest = line.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
        assert!(longest < Some(32), "{line}");
    }
}
