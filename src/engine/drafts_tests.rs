use super::*;

#[test]
fn a_page_is_given_back_for_exactly_what_it_was_made_from() {
    let mut pages: Pages<&str, u32, &str> = Pages::default();
    pages.keep("a", 1, "made of one");
    assert_eq!(pages.get(&"a", &1), Some("made of one"));
    assert_eq!(pages.get(&"a", &2), None);
    assert_eq!(pages.get(&"b", &1), None);
    pages.turn();
    assert_eq!(pages.get(&"a", &1), Some("made of one"), "the next pass has it");
    pages.turn();
    assert_eq!(pages.get(&"a", &1), None, "a pass that did not keep it is the end of it");
}

fn edited(bytes: usize) -> (Option<Arc<Edited>>, Arc<Vec<Refused>>) {
    let content = vec![b'x'; bytes];
    (Some(Arc::new(Edited { path: "a.yaml".to_owned(), before: content.clone(), after: content })), Arc::default())
}

#[test]
fn edits_beyond_the_room_are_made_anew_in_each_pass() {
    let drafts = Drafts::default();
    let mut book = drafts.open();
    let of = EditOf { blob: Oid::ZERO_SHA1, sites: Vec::new() };
    let key = |name: &str| (name.to_owned(), "a.yaml".to_owned());
    book.keep_edit(key("small"), of.clone(), edited(10));
    book.keep_edit(key("large"), of.clone(), edited(EDITED / 2));
    drafts.keep(book);
    let book = drafts.open();
    assert!(book.edits.get(&key("small"), &of).is_some());
    assert!(book.edits.get(&key("large"), &of).is_none());
}
