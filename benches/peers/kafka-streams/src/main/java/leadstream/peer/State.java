package leadstream.peer;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** What the fold of a contact's steps leaves: the contact, since when each level has held, and where in the history its score begins. */
final class State {
  static final int QUALIFY = 0;
  static final int STAGE = 1;
  /** The first tag; the others follow. */
  static final int TAG = 2;
  static final int SUBJECTS = TAG + 3;

  final Contact contact = new Contact();
  /** By subject; the least number where the level was never another. */
  final long[] since = new long[SUBJECTS];
  /** By subject: the first row that its score is made of. */
  final int[] from = new int[SUBJECTS];

  void clear() {
    contact.clear();
    Arrays.fill(since, Long.MIN_VALUE);
    Arrays.fill(from, 0);
  }

  int mostBytes() {
    return contact.mostBytes() + 12 * SUBJECTS;
  }

  void write(ByteBuffer out) {
    for (int subject = 0; subject < SUBJECTS; subject++) {
      out.putLong(since[subject]).putInt(from[subject]);
    }
    contact.write(out);
  }

  void read(ByteBuffer in) {
    for (int subject = 0; subject < SUBJECTS; subject++) {
      since[subject] = in.getLong();
      from[subject] = in.getInt();
    }
    contact.read(in);
  }
}
