//! The record of a list of models in the cache: it spares parsing files that have not changed, and
//! nothing else.

use std::fs;
use std::path::PathBuf;

use sedge_api::view::model::ModelListed;
use sedge_app::model::list::model_list;
use sedge_app::types::CachePlaces;
use sedge_runtime::CodeCache;
use sedge_sys::clock::Clock;
use sedge_sys::folder::Folder;

use crate::fixture::{House, until};
use crate::shown::collected;

const N_MODELS: usize = 40;

/// Returns a repository with many models. Their files are so old that every change shows.
async fn house() -> House {
    let house = House::with_own_cache();
    for record in records(house.compiled_code()) {
        fs::remove_file(record).expect("the cache is that of this test");
    }
    for n in 0..N_MODELS {
        let more = format!(
            "description: Number {n}\ntags: {{n: \"{n}\"}}\nglobalArguments: {{z: {n}, a: 1.5}}\n"
        );
        house.model(&format!("many{n:02}"), "@sedge/sink", &more);
    }
    house.model("limited", "@sedge/sink", "limits: {wallTimeSeconds: 7}\n");
    settled(&house, "models/limited.yaml").await;
    house
}

/// Waits until every later change of a file changes its stamp.
async fn settled(house: &House, file: &str) {
    let folder = Folder::open(house.path()).expect("it is there");
    until("the file is settled", || {
        let stamp = folder.stamp(file).expect("it can be inspected");
        stamp
            .expect("it is there")
            .is_settled(Clock::machine().now())
    })
    .await;
}

/// Returns what another process lists.
fn listed(house: &House) -> Vec<ModelListed> {
    let process = house.other_process();
    collected(|take| model_list(&house.cx_in(&process), take))
}

/// Returns the entry of a model, as text.
fn entry(house: &House, name: &str) -> String {
    let all = listed(house).into_iter();
    let mut found = all.filter(|it| match it {
        ModelListed::Sound(model) => model.name == name,
        ModelListed::Faulty(fault) => fault.name == name,
    });
    format!("{:?}", found.next())
}

/// Returns the files of the records.
fn records(places: &CachePlaces) -> Vec<PathBuf> {
    let folder = places.code.as_ref().expect("a folder");
    let files = fs::read_dir(folder).expect("it can be read");
    let files = files.map(|it| it.expect("it can be read").path());
    files
        .filter(|it| it.extension().is_some_and(|it| it == "record"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn list_is_the_same_from_its_record() {
    let house = house().await;
    let first = listed(&house);
    assert!(first.len() > N_MODELS, "{}", first.len());
    assert_eq!(records(house.compiled_code()).len(), 1);
    assert_eq!(listed(&house), first);
    assert!(entry(&house, "limited").contains("wall_time_seconds: Some(7)"));
}

/// The key of the record is at hand here, so that a record can be written that is authentic and wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_answers_for_a_file_until_the_file_changes() {
    let house = house().await;
    listed(&house);
    let record = records(house.compiled_code()).remove(0);
    let stem = record.file_stem().expect("it has a name").to_string_lossy();
    let cache = CodeCache::open(house.compiled_code()).expect("it was used");
    let text = cache.record(&stem).expect("it was written");
    let text = String::from_utf8(text).expect("it is JSON");
    let planted = text.replace("Number 7\"", "Planted\"");
    assert_ne!(planted, text);
    cache
        .record_write(&stem, planted.as_bytes())
        .expect("it can be written");
    assert!(entry(&house, "many07").contains("Planted"), "it is used");
    // The new text has the same length, and the file gets its former time.
    let file = house.path().join("models/many07.yaml");
    let old = fs::read_to_string(&file).expect("it is there");
    let time = fs::metadata(&file).expect("it is there").modified();
    house.write("models/many07.yaml", &old.replace("Number 7", "Number 8"));
    let opened = fs::File::options().write(true).open(&file);
    let set = opened.and_then(|it| it.set_modified(time.expect("it has one")));
    set.expect("the file is ours");
    assert!(entry(&house, "many07").contains("Number 8"));
    house.replace("models/many07.yaml", &old);
    assert!(entry(&house, "many07").contains("Number 7"));
    fs::remove_file(&file).expect("it is there");
    assert_eq!(entry(&house, "many07"), "None");
    house.write("models/many07.yaml", "name: [\n");
    assert!(entry(&house, "many07").contains("Faulty"));
    house.write("models/other.yaml", "name: many08\ntype: \"@sedge/sink\"\n");
    let twins = entry(&house, "many08");
    assert!(twins.contains("Faulty"), "{twins}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_that_cannot_be_used_is_no_error() {
    let house = house().await;
    let first = listed(&house);
    let record = records(house.compiled_code()).remove(0);
    let whole = fs::read(&record).expect("it was written");
    let torn = &whole[..whole.len() / 2];
    let mut other = whole.clone();
    *other.last_mut().expect("it has bytes") ^= 1;
    for content in [&[][..], torn, &other] {
        fs::write(&record, content).expect("it can be written");
        assert_eq!(listed(&house), first);
        let renewed = fs::read(&record).expect("it was written");
        assert_eq!(renewed, whole, "it was written again");
    }
    fs::remove_file(&record).expect("it is there");
    fs::create_dir(&record).expect("it can be made");
    assert_eq!(listed(&house), first);
    let none = house.process_with_cache(CachePlaces::default());
    let listed = collected(|take| model_list(&house.cx_in(&none), take));
    assert_eq!(listed, first);
}
