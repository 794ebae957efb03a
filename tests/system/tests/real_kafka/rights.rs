//! A cluster that checks rights: what is missing is named before anything is changed.

use std::time::Duration;

use leadstream_system::Application;
use leadstream_test_support::rights::{Resource, checking_rights, forbid_deletion};
use leadstream_test_support::{Broker, BrokerOptions, foreign};

#[test]
fn a_reset_that_the_cluster_does_not_allow_says_which_rights_are_missing_and_changes_nothing() {
    let broker = Broker::start(BrokerOptions { properties: checking_rights() }).expect("a broker can be started");
    let application = Application::new(&broker, "guarded", true);
    let mut process = application.start();
    application.await_restored(&mut process);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    let (bootstrap, plans) = (broker.bootstrap(), application.topic("plans"));
    forbid_deletion(&bootstrap, Resource::Topic(&plans)).expect("a rule can be made");
    forbid_deletion(&bootstrap, Resource::Group("guarded")).expect("a rule can be made");
    let refused = application.run(&["reset", "--yes"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let expected = format!(
        "error: the cluster does not let this client reset the application guarded (nothing was changed):
  topic {plans}: the right to DELETE is missing (kafka-acls.sh --bootstrap-server {bootstrap} --add --allow-principal User:NAME --operation Delete --topic {plans})
  group guarded: the right to DELETE is missing (kafka-acls.sh --bootstrap-server {bootstrap} --add --allow-principal User:NAME --operation Delete --group guarded)
"
    );
    assert!(said.ends_with(&expected) && !said.contains("this resets"), "{said}");
    for name in ["contacts-changelog", "redo", "interactions", "identities", "plans"] {
        foreign::read_committed(&bootstrap, &application.topic(name)).expect("the topic is there");
    }
    assert!(application.path("state/guarded").exists());
    // Nothing keeps it from starting again.
    let mut process = application.start();
    application.await_restored(&mut process);
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}
