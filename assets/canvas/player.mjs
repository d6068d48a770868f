// Which frame is shown: following a live run at a pace, scrubbing, or playing. No DOM, no timers.

export const PACES = [1, 2, 5, 10, 20, 40, Infinity]; // frames a second; Infinity: as fast as they come
export const USUAL_PACE = 10;
const EARLY = 0.1; // of a frame: screens tick almost evenly, and no frame is to be left out for that
const FASTEST = 120; // frames a second of a recording that plays as fast as it can

export class Player {
  constructor(pace = USUAL_PACE) {
    this.index = -1; // shown frame, -1: none
    this.length = 0;
    this.ended = false;
    this.live = true; // goes towards the newest frame
    this.playing = false; // goes on from a frame that was looked back at
    this.pace = pace;
    this.due = 0; // frames to advance, with its fraction
    this.then = null; // time of the last tick
    this.rested = false; // all frames that were there were shown then
    this.hold = () => 1; // how many frames' time frame i stays
    this.still = () => false; // whether frame i shows nothing new: it is passed over
  }

  get last() {
    return this.length - 1;
  }

  /** Whether newer frames are there that a live run will come to. */
  get behind() {
    return this.live && this.index < this.last;
  }

  /** Whether frames go by, or would if new ones came. */
  get moving() {
    return this.playing || (this.live && (!this.ended || this.behind));
  }

  /** The run has so many frames now. */
  grow(length, ended) {
    this.length = length;
    this.ended = ended;
    if (!this.live || length === 0) return;
    if (this.index < 0) this.index = 0;
    if (this.pace === Infinity) this.index = this.last;
  }

  /** Show a frame; at the newest one a live run is followed again. */
  seek(index) {
    if (this.length === 0) return;
    this.index = Math.max(0, Math.min(this.last, Math.round(index)));
    this.live = this.index === this.last;
    if (this.live) this.playing = false;
    this.then = null;
  }

  /** A live run that begins with frames that were seen already goes on at frame i. */
  skip(i) {
    if (this.live) this.index = Math.max(this.index, i);
  }

  /** The next (1) or previous (-1) frame that shows something new. */
  beside(direction) {
    let index = this.index + direction;
    while (index > 0 && index < this.last && this.still(index)) index += direction;
    return index;
  }

  /** Play or pause; at the end of a run it plays from the beginning. */
  toggle() {
    if (this.length === 0) return;
    if (this.moving) {
      this.playing = false;
      this.live = false;
      return;
    }
    if (this.index === this.last) this.index = 0;
    this.playing = this.last > 0;
    this.live = false;
    this.due = 0;
    this.then = null;
  }

  /** Another pace, at once. */
  setPace(pace) {
    this.pace = pace;
    this.due = 0;
    if (pace === Infinity && this.live) this.index = this.last;
  }

  /** One pace up (1) or down (-1). */
  faster(direction) {
    const at = PACES.indexOf(this.pace) + direction;
    this.setPace(PACES[Math.max(0, Math.min(PACES.length - 1, at))]);
  }

  /** Advance to the time `now`, in ms; whether another frame is shown. */
  tick(now) {
    if (!this.moving || this.index === this.last) return false;
    const elapsed = this.then === null ? 0 : now - this.then;
    this.then = now;
    this.due += (Math.min(elapsed, this.rested ? elapsed : 250) / 1000) * Math.min(this.pace, FASTEST);
    if (this.rested) this.due = Math.min(this.due, 1); // a frame that came late is shown at once, alone
    this.rested = false;
    const before = this.index;
    for (; this.index < this.last; this.index++) {
      const time = this.still(this.index) ? 0 : this.hold(this.index);
      if (this.due < time - EARLY) break;
      this.due -= time;
    }
    if (this.index === before) return false;
    this.rested = this.index === this.last;
    if (this.rested) this.due %= 1;
    if (this.playing && this.rested) {
      this.playing = false;
      this.live = true;
    }
    return true;
  }
}
