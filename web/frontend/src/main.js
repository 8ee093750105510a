import "./tabler.scss";
import "./anjie.css";
import "./queue.css";
import "./form.js";
import "./keys.js";
