// Which frame is shown: following a live run, scrubbing, or playing at a speed. No DOM, no timers.

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const FRAMES_PER_SECOND = 16; // at 1x

export class Player {
  constructor() {
    this.index = -1; // shown frame, -1: none
    this.length = 0;
    this.ended = false;
    this.live = true; // follows the newest frame
    this.playing = false;
    this.speed = 1;
    this.due = 0; // frames to advance, with its fraction
    this.then = null; // time of the last tick
  }

  get last() {
    return this.length - 1;
  }

  /** The run has so many frames now. */
  grow(length, ended) {
    this.length = length;
    this.ended = ended;
    if (this.live) this.index = this.last;
  }

  /** Show a frame; at the newest one a live run is followed again. */
  seek(index) {
    if (this.length === 0) return;
    this.index = Math.max(0, Math.min(this.last, Math.round(index)));
    this.live = this.index === this.last;
    if (this.live) this.playing = false;
    this.then = null;
  }

  /** Play or pause; at the end of a run it plays from the beginning. */
  toggle() {
    if (this.length === 0) return;
    if (this.playing || (this.live && !this.ended)) {
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

  /** One speed up (1) or down (-1). */
  faster(direction) {
    const at = SPEEDS.indexOf(this.speed) + direction;
    this.speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))];
  }

  /** Advance to the time `now`, in ms; whether another frame is shown. */
  tick(now) {
    if (!this.playing) return false;
    const elapsed = this.then === null ? 0 : Math.min(now - this.then, 250);
    this.then = now;
    this.due += (elapsed / 1000) * FRAMES_PER_SECOND * this.speed;
    const frames = Math.floor(this.due);
    if (frames === 0) return false;
    this.due -= frames;
    this.index = Math.min(this.last, this.index + frames);
    if (this.index === this.last) {
      this.playing = false;
      this.live = true;
    }
    return true;
  }
}
